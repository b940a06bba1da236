import { Argument, type Command } from 'commander';
import { parseCount, parseNoteId, parseTexts } from '../../cli/arguments.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { Paint } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatBytes, formatMs, visible } from '../../core/format.ts';
import { parseUsername } from '../../core/username.ts';
import type { FunctionAnswer, Operation } from '../../function/protocol.ts';
import type { Execute, Invocation } from '../execute.ts';

interface InvokeOptions {
  readonly field?: readonly string[];
  readonly deck?: string;
  readonly tag?: readonly string[];
  readonly note?: number;
  readonly guid?: string;
  readonly retries?: number;
  readonly everything?: boolean;
}

/** What each operation takes, by its name on the command line. */
const OPERATIONS: Readonly<
  Record<
    string,
    { readonly operation: Operation; readonly user: boolean; readonly options: readonly (keyof InvokeOptions)[] }
  >
> = {
  ping: { operation: 'ping', user: false, options: [] },
  selfcheck: { operation: 'selfcheck', user: false, options: [] },
  read: { operation: 'read', user: true, options: ['note', 'guid'] },
  write: { operation: 'write', user: true, options: ['field', 'deck', 'tag', 'note', 'retries'] },
  'cache-stats': { operation: 'cacheStats', user: false, options: [] },
  cleanup: { operation: 'cleanup', user: false, options: ['everything'] },
};

export function registerFunctionInvoke(parent: Command, execute: Execute): void {
  const command = parent
    .command('invoke')
    .description('call an operation of the function, and show its answer')
    .addArgument(new Argument('<operation>', 'what to do').choices(Object.keys(OPERATIONS)))
    .argument('[username]', 'whose database (read, write)')
    .option('--field <text>', 'write: the next field of the note (repeat)', parseTexts)
    .option('--deck <name>', "write: a deck, created if it does not exist (default: the user's current one)")
    .option('--tag <tag>', 'write: a tag (repeat)', parseTexts)
    .option('--note <id>', 'read: the note to show; write: the id of the new note', parseNoteId)
    .option('--guid <guid>', 'read: the note to show, by the GUID that a write printed')
    .option('--retries <n>', 'write: how often to try again after a conflict (default: 20)', parseCount)
    .option('--everything', 'cleanup: everything in the cache, whatever its age')
    .addHelpText('after', "\nExample:\n  $ javumbo function invoke write alice --field 'der Hund' --field 'the dog'");
  command.action((operation: string, username: string | undefined, options: InvokeOptions) =>
    execute(command, (invocation) => functionInvoke(invocation, operation, username, options), invokeView),
  );
}

export async function functionInvoke(
  invocation: Invocation,
  name: string,
  username: string | undefined,
  options: InvokeOptions,
): Promise<FunctionAnswer> {
  const { operation, user, options: taken } = OPERATIONS[name] ?? { operation: 'ping', user: false, options: [] };
  const foreign = (Object.keys(options) as (keyof InvokeOptions)[]).find((option) => !taken.includes(option));
  if (foreign !== undefined)
    throw new JavumboError('usage', `${name} takes no --${foreign}`, { try: 'javumbo function invoke --help' });
  if (user !== (username !== undefined)) {
    throw new JavumboError('usage', user ? `${name} needs a username` : `${name} takes no username`, {
      try: user ? `javumbo function invoke ${name} <username>` : `javumbo function invoke ${name}`,
    });
  }
  const database = user ? parseUsername(username ?? '') : '';
  if (operation === 'write' && options.field === undefined) {
    throw new JavumboError('usage', 'write needs a note', { try: "--field 'front' --field 'back'" });
  }
  const client = await (await invocation.deployment()).function();
  switch (operation) {
    case 'ping':
    case 'cacheStats':
      return client.call({ operation });
    case 'selfcheck': {
      const run = invocation.run();
      return client.call({ operation, run: run.id }).catch((error) => {
        // It may have ended before it removed its test data.
        if (mayHaveRun(error)) run.onLeft?.(error);
        throw error;
      });
    }
    case 'cleanup':
      return client.call({ operation, everything: options.everything ?? false });
    case 'read':
      return client.call({ operation, username: database, noteId: options.note, guid: options.guid });
    case 'write': {
      const { field = [], deck, tag, note, retries } = options;
      return client.write({
        username: database,
        fields: [...field],
        deck,
        tags: tag && [...tag],
        noteId: note,
        retries,
      });
    }
  }
}

function mayHaveRun(error: unknown): boolean {
  return !(error instanceof JavumboError) || !['usage', 'not-found'].includes(error.kind);
}

export const invokeView: View<FunctionAnswer> = {
  text: (answer, paint) =>
    [...resultLines(answer, paint), ...circumstanceLines(answer).map((line) => paint.faint(line))].join('\n'),
  exitCode: (answer) => (isOf('selfcheck', answer) && !answer.result.passed ? EXIT_CODE.violation : EXIT_CODE.ok),
};

/** Narrows an answer by its operation, as TypeScript does not for a type parameter. */
function isOf<O extends Operation>(operation: O, answer: FunctionAnswer): answer is FunctionAnswer<O> {
  return answer.operation === operation;
}

type Lines<O extends Operation> = (result: FunctionAnswer<O>['result'], paint: Paint, version: string) => string[];

const LINES: { readonly [O in Operation]: Lines<O> } = {
  ping: ({ node, architecture, sqlite }, _, version) => [
    `javumbo ${version} on Node ${node}, ${architecture}, with ${sqlite}`,
  ],
  selfcheck: ({ checks }, paint) =>
    checks.map(({ name, passed, reason }) =>
      passed ? `${paint.good('✓')} ${name}` : `${paint.bad('✗')} ${name}: ${visible(reason ?? 'it failed')}`,
    ),
  read: ({ version, sizeBytes, tables, fromCache, note }) => [
    `version ${visible(version)}, ${formatBytes(sizeBytes)}, ${fromCache ? 'from the cache' : 'fetched'}`,
    Object.entries(tables)
      .map(([table, rows]) => `${rows} ${table}`)
      .join(', '),
    ...(note === null ? ['there is no such note'] : []),
    ...(note ? [`note ${note.noteId}: ${note.fields.map(visible).join(' | ')}`] : []),
  ],
  write: ({ outcome, version, noteId, guid, attempts }) => [
    `${outcome}: note ${noteId} (guid ${visible(guid)})`,
    `version ${visible(version)}, after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
  ],
  cacheStats: ({ entryCount, workingCopyCount, sizeBytes }) => [
    `${entryCount} databases and ${workingCopyCount} working copies, ${formatBytes(sizeBytes)}`,
  ],
  cleanup: ({ deletedCount, deletedBytes }) => [`${deletedCount} removed, ${formatBytes(deletedBytes)}`],
};

function resultLines<O extends Operation>({ operation, result, version }: FunctionAnswer<O>, paint: Paint): string[] {
  return (LINES[operation as O] as Lines<O>)(result, paint, version);
}

function circumstanceLines({ container, timings, requests }: FunctionAnswer): string[] {
  const { downloadMs, queryMs, uploadMs, totalMs, cleanupMs } = timings;
  const phases =
    downloadMs === undefined
      ? ''
      : `: download ${formatMs(downloadMs)}, query ${formatMs(queryMs ?? 0)}, upload ${formatMs(uploadMs ?? 0)}`;
  const state = container.warm ? 'warm' : `cold, ready after ${formatMs(container.initMs)}`;
  const counts = (['get', 'put', 'head', 'delete', 'list'] as const).flatMap((name) =>
    requests[name] === 0 ? [] : [`${requests[name]} ${name.toUpperCase()}`],
  );
  return [
    `container ${container.id}, ${state}; call ${container.invocations}`,
    `${formatMs(totalMs)}${phases}`,
    `clean-up ${formatMs(cleanupMs)}; ${counts.length === 0 ? 'no request to the store' : counts.join(', ')}`,
  ];
}
