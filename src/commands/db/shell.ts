import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { EXIT_CODE, type ExitCode } from '../../cli/exit-code.ts';
import { printFailure, type View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatCount } from '../../core/format.ts';
import { makePrivateDirectory, makePrivateFile } from '../../core/private-files.ts';
import { parseUsername } from '../../core/username.ts';
import type { Input, InputReader } from '../../shell/input.ts';
import type { Execute, Invocation } from '../execute.ts';
import { operatorDatabases } from './outcome.ts';
import { formatOption } from './query.ts';
import type { Shell, ShellOptions } from './shell-commands.ts';

export function registerDbShell(parent: Command, execute: Execute): void {
  const command = parent
    .command('shell <username>')
    .description('work on one version of a database; changes wait for .commit; .help lists what there is')
    .addOption(formatOption())
    .option('--keep-going', 'go on after an error in a script; the exit code is that of the first')
    .option('-y, --yes', "do not ask before a table of Anki's is dropped or emptied")
    .option('--force', 'also commit what is no Anki collection any more')
    .addHelpText('after', '\nExample:\n  $ javumbo db shell alice');
  command.action((username: string, options: ShellOptions) =>
    execute(command, (invocation) => dbShell(invocation, parseUsername(username), options), shellView),
  );
}

/** Returns the exit code of the session: 0, or that of the first error of a script. */
export async function dbShell(invocation: Invocation, username: string, options: ShellOptions): Promise<ExitCode> {
  if (invocation.flags.json) {
    throw new JavumboError('usage', 'db shell prints what each statement finds, which is no single document', {
      try: 'without --json; --format jsonl has an object on each line',
    });
  }
  const { ShellSession } = await import('../../shell/session.ts');
  const { InputReader } = await import('../../shell/input.ts');
  const { context } = invocation;
  const deployment = await invocation.deployment();
  const session = await ShellSession.open(operatorDatabases(deployment, invocation), username, context);
  const shell = { invocation, session, options };
  try {
    const isTerminal = context.stdin?.isTTY === true && context.stderr.isTTY === true;
    return await (isTerminal ? converse(shell, new InputReader()) : runScript(shell, new InputReader()));
  } finally {
    session.close();
  }
}

async function runScript({ invocation, session, options }: Shell, reader: InputReader): Promise<ExitCode> {
  const { readStdin } = await import('../../core/input-file.ts');
  const { context, flags } = invocation;
  const script = await readStdin(context, 'a script in UTF-8 through a pipe, or a terminal');
  const { take } = await import('./shell-commands.ts');
  let code: ExitCode = EXIT_CODE.ok;
  function* inputs(): Generator<Input> {
    for (const line of script.split('\n')) yield* reader.push(line);
    yield* reader.end();
  }
  for (const input of inputs()) {
    try {
      if ((await take({ invocation, session, options }, input)) === 'quit') break;
    } catch (error) {
      if (options.keepGoing !== true || context.signal?.aborted) throw error;
      const failed = EXIT_CODE[printFailure(error, flags, context)];
      if (code === EXIT_CODE.ok) code = failed;
    }
  }
  // Of a commit in doubt its error has said what is known.
  if (!session.hasChanges || session.isInDoubt) return code;
  throw new JavumboError('usage', 'the script ends with changes that it does not commit, so they are not stored', {
    try: '.commit, or .discard, as its last line',
    username: session.username,
  });
}

async function converse(shell: Shell, reader: InputReader): Promise<ExitCode> {
  const { invocation, session } = shell;
  const { context, flags } = invocation;
  const { readLinesFrom } = await import('../../cli/line-reader.ts');
  const { completed, take } = await import('./shell-commands.ts');
  const past = join(invocation.config.home.value, HISTORY_FILE);
  const lines = readLinesFrom(context, { history: historyIn(past), complete: (line) => completed(session, line) });
  const dropPasted = async (): Promise<void> => {
    if (await lines.dropPasted()) invocation.warn('what was entered behind it is dropped');
  };
  invocation.note(`version ${session.version}; .help lists the commands, and changes wait for .commit`);
  let isWarned = false;
  const mayLeave = (): boolean => {
    if (!session.hasChanges || isWarned) return true;
    isWarned = true;
    const count = formatCount(session.statements.length, 'statement');
    invocation.warn(`${count} not committed: .commit stores the changes, and leaving again drops them`);
    return false;
  };
  for (;;) {
    const name = `${session.username}${session.hasChanges ? '*' : ''}`;
    const entered = await lines.next(reader.isOpen ? `${' '.repeat(name.length)}> ` : `${name}> `);
    if (entered.kind === 'ended') {
      if (mayLeave()) return EXIT_CODE.ok;
      continue;
    }
    if (entered.kind === 'cancelled') {
      if (!reader.isOpen) invocation.note('.quit or Ctrl-D leaves');
      reader.clear();
      continue;
    }
    keepHistory(past, lines.history);
    for (const input of reader.push(entered.line)) {
      if (input.kind === 'sql') isWarned = false;
      try {
        if ((await take({ ...shell, dropPasted }, input)) === 'quit' && mayLeave()) return EXIT_CODE.ok;
      } catch (error) {
        if (context.signal?.aborted) throw error;
        printFailure(error, flags, context);
        // What was entered with it may build on it.
        reader.clear();
        await dropPasted();
        break;
      }
    }
  }
}

const HISTORY_FILE = 'shell-history';

/** Returns the lines of earlier sessions, newest first; none where they cannot be read. */
function historyIn(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

/** Keeps the lines for the next session. Without them it has only less to offer. */
function keepHistory(file: string, lines: readonly string[]): void {
  try {
    makePrivateDirectory(join(file, '..'));
    makePrivateFile(file);
    writeFileSync(file, `${lines.join('\n')}\n`);
  } catch {}
}

const shellView: View<ExitCode> = { text: () => '', exitCode: (code) => code };
