import { writeFileSync } from 'node:fs';
import { LossError } from '../../anki/losses.ts';
import { paintFor } from '../../cli/paint.ts';
import { printResult, writeParts } from '../../cli/print.ts';
import type { RowFormat } from '../../cli/row-formats.ts';
import { codeOf, JavumboError, messageOf } from '../../core/failure.ts';
import { formatCount, visible, visibleLines } from '../../core/format.ts';
import { nearest } from '../../core/nearest.ts';
import type { Input } from '../../shell/input.ts';
import type { ShellSession } from '../../shell/session.ts';
import { asSqlFailure } from '../../sqlite/failure.ts';
import { namesOf, schemaOf } from '../../sqlite/schema.ts';
import type { Invocation } from '../execute.ts';
import { confirmLoss } from './losses.ts';
import { inBatches, rowsAsText } from './query.ts';

export interface ShellOptions {
  readonly format?: RowFormat;
  readonly keepGoing?: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** What a session is made of while it runs. */
export interface Shell {
  readonly invocation: Invocation;
  readonly session: ShellSession;
  readonly options: ShellOptions;
  /** Drops what was typed or pasted before a question: it is no answer to it. Undefined where nobody is asked. */
  readonly dropPasted?: () => Promise<void>;
}

type Done = 'quit' | undefined;

interface DotCommand {
  readonly name: string;
  /** Another name for it. */
  readonly alias?: string;
  /** What follows the name, for help; in brackets if it may be left out. */
  readonly argument?: string;
  readonly help: string;
  run(shell: Shell, argument: string): Promise<Done> | Done;
}

const STORED = 'the last commit was stored after all';

const COMMANDS: readonly DotCommand[] = [
  {
    name: '.commit',
    help: 'store the changes, unless somebody else was first; temporary tables and settings by PRAGMA end',
    run: commit,
  },
  {
    name: '.rebase',
    help: 'run the statements again on the newest version, for another .commit',
    run: async ({ invocation, session }) => {
      if ((await session.rebase()).commitInDoubt === 'stored') invocation.note(STORED);
      const count = formatCount(session.statements.length, 'statement');
      invocation.note(`${count} ran again on version ${session.version}: look, and .commit`);
      return undefined;
    },
  },
  {
    name: '.discard',
    help: 'drop the changes, and go on with the newest version',
    run: async ({ invocation, session }) => {
      const statements = formatCount(session.statements.length, 'statement');
      const { commitInDoubt } = await session.discard();
      if (commitInDoubt === 'open')
        invocation.note('it is still not known whether the last commit was or will be stored');
      const dropped = commitInDoubt === 'stored' ? `${STORED}, what ran since is dropped` : `dropped ${statements}`;
      invocation.note(`${dropped}; on version ${session.version} now`);
      return undefined;
    },
  },
  { name: '.save', argument: '<file>', help: 'write the statements into a new file, for db exec --file', run: save },
  { name: '.status', help: 'show the version, what waits, and whether the store has a newer one', run: status },
  {
    name: '.tables',
    help: 'list tables and views',
    run: ({ invocation, session }) => show(invocation, namesOf(session.database).tables.map(visible).join('\n')),
  },
  { name: '.schema', argument: '[name]', help: 'show the schema, or that of one table', run: schema },
  {
    name: '.help',
    help: 'show this',
    run: ({ invocation }) =>
      printResult(
        undefined,
        {
          table: () => ({
            rows: COMMANDS.map(({ name, alias, argument, help }) => [
              `${name}${alias === undefined ? '' : `, ${alias}`}${argument === undefined ? '' : ` ${argument}`}`,
              help,
            ]),
          }),
        },
        invocation.flags,
        invocation.context,
      ).then(() => undefined),
  },
  { name: '.quit', alias: '.exit', help: 'leave, as Ctrl-D does', run: () => 'quit' },
];

const NAMES = COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));

/** Does what was entered. Throws `JavumboError` for what fails, and the session goes on as it was before. */
export async function take(shell: Shell, input: Input): Promise<Done> {
  if (input.kind === 'sql') return runSql(shell, input.sql);
  const command = COMMANDS.find(({ name, alias }) => name === input.name || alias === input.name);
  if (command === undefined) {
    throw new JavumboError('usage', `there is no command ${input.name}`, {
      try: nearest(input.name, NAMES) ?? '.help',
    });
  }
  const { argument } = command;
  if (argument?.startsWith('<') ? input.argument === '' : argument === undefined && input.argument !== '') {
    const takes = argument === undefined ? 'nothing behind it' : argument;
    throw new JavumboError('usage', `${command.name} takes ${takes}`, {
      try: argument === undefined ? command.name : `${command.name} ${argument}`,
    });
  }
  return command.run(shell, input.argument);
}

async function runSql({ invocation, session, options }: Shell, sql: string): Promise<Done> {
  const { found, changes } = await session.run(sql);
  if (changes !== undefined) invocation.note(`${formatCount(changes, 'row')} changed`);
  if (found === undefined) return undefined;
  const { context, flags } = invocation;
  const named = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw asSqlFailure(error);
    }
  };
  const rows = { format: options.format, columns: found.columns, batches: inBatches(invocation, found.rows, named) };
  const { stdout } = context;
  const screen = stdout.isTTY === true ? { columns: stdout.columns || 80, paint: await paintFor(flags, context) } : {};
  await writeParts(rowsAsText(rows, screen), context, true);
  return undefined;
}

async function commit({ invocation, session, options, dropPasted }: Shell): Promise<Done> {
  const { yes = false, force = false } = options;
  const send = (agreed: readonly string[]) => session.commit({ agreed, all: yes, force });
  const { outcome, version } = await send([]).catch(async (error: unknown) => {
    if (!(error instanceof LossError)) throw error;
    await dropPasted?.();
    await confirmLoss(invocation, await invocation.deployment(), {
      username: session.username,
      what: `In database "${session.username}" ${error.losses.join(', ')}`,
      yes,
      look: '.status, .discard',
    });
    return send(error.losses);
  });
  invocation.note(outcome === 'committed' ? `committed as version ${version}` : 'nothing was changed');
  return undefined;
}

function save({ invocation, session }: Shell, file: string): Done {
  try {
    writeFileSync(file, session.script(), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    const reason = codeOf(error) === 'EEXIST' ? 'it exists' : messageOf(error);
    throw new JavumboError('usage', `${file} cannot be written: ${reason}`, {
      try: '.save with another file',
      cause: error,
    });
  }
  const count = formatCount(session.statements.length, 'statement');
  invocation.note(`${count} in ${file}; javumbo db exec ${session.username} --file ${file} runs them`);
  return undefined;
}

async function status({ invocation, session }: Shell): Promise<Done> {
  const { store } = await invocation.deployment();
  const newest = await store.head(session.username);
  const fields = {
    username: session.username,
    version: session.version,
    newest: newest === undefined ? 'deleted' : newest.version === session.version ? 'the same' : newest.version,
    'last modified': newest && { time: newest.lastModified, suffix: 'UTC' },
    uncommitted: session.hasChanges ? formatCount(session.statements.length, 'statement') : 'nothing',
  };
  await printResult(fields, { fields: (shown) => shown }, invocation.flags, invocation.context);
  return undefined;
}

function schema({ invocation, session }: Shell, name: string): Promise<Done> {
  return show(invocation, visibleLines(schemaText(session.database, name)));
}

/** Returns the statements that make a schema, or one table with what belongs to it. Throws `usage` for an unknown name. */
function schemaText(database: ShellSession['database'], name: string): string {
  const found = schemaOf(database, name === '' ? undefined : name);
  if (name !== '' && found.length === 0) {
    const near = nearest(name, namesOf(database).tables);
    throw new JavumboError('usage', `there is no table or view ${name}`, {
      try: near === undefined ? '.tables' : `.schema ${near}`,
    });
  }
  return found.map(({ sql }) => `${sql};`).join('\n');
}

async function show({ flags, context }: Shell['invocation'], text: string): Promise<Done> {
  await printResult(text, { text: (shown) => shown, verbatim: true }, flags, context);
  return undefined;
}

const KEYWORDS =
  'SELECT FROM WHERE INSERT INTO VALUES UPDATE SET DELETE JOIN LEFT ON GROUP BY ORDER LIMIT HAVING DISTINCT UNION COUNT AND OR NOT NULL IS IN LIKE BETWEEN AS CREATE TABLE INDEX VIEW DROP ALTER PRAGMA EXPLAIN WITH RETURNING'.split(
    ' ',
  );

/** Returns what the last word of a line may become: a command at its beginning, else a name of the schema or a keyword. */
export function completed(session: ShellSession, line: string): [candidates: string[], replaced: string] {
  const beginning = (words: readonly string[], word: string): string[] =>
    words.filter((each) => each.toLowerCase().startsWith(word.toLowerCase()));
  if (/^\.\S*$/.test(line)) return [beginning(NAMES, line), line];
  const word = /[\w]*$/.exec(line)?.[0] ?? '';
  const { tables, columns } = namesOf(session.database);
  if (/^\.schema\s/.test(line)) return [beginning(tables, word), word];
  const names = beginning([...new Set([...tables, ...[...columns.values()].flat()])], word);
  // A statement begins with a keyword; behind that a name is likelier.
  if (names.length > 0 && /\s/.test(line.trimStart())) return [names, word];
  return [word === '' ? [] : beginning(KEYWORDS, word).map((each) => `${each} `), word];
}
