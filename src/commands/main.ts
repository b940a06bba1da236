import { Command, CommanderError, Option } from 'commander';
import { EXIT_CODE, type ExitCode } from '../cli/exit-code.ts';
import { printFailure } from '../cli/print.ts';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { nearest } from '../core/nearest.ts';
import { packageInformation } from '../core/package-information.ts';
import { refuseLossyText } from '../core/text-input.ts';
import { type Execute, executeIn } from './execute.ts';
import { registerCommands } from './index.ts';

/** Builds the command line, or the part of it that `words` can call. Actions hand their work to `execute`. */
export async function buildProgram(context: Context, execute: Execute, words?: readonly string[]): Promise<Command> {
  const { version, description } = packageInformation();
  const program = new Command('javumbo')
    .description(description)
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: () => {},
      getOutHelpWidth: () => helpWidthOf(context),
      getOutHasColors: () => false,
    })
    // The words beside an option wrap on a narrow terminal too.
    .configureHelp({ minWidthToWrap: 10 })
    .showSuggestionAfterError()
    .addOption(new Option('--deployment <kind>', 'where to work: local or aws (default: aws when a bucket is set)'))
    .option('--context <name>', 'a deployment that config save has kept')
    .option('--bucket <name>', 'S3 bucket of the user databases (S3_BUCKET)')
    .option('--region <name>', 'AWS region (AWS_REGION)')
    .option('--profile <name>', 'AWS profile (AWS_PROFILE)')
    .option('--endpoint-url <url>', 'S3 endpoint of another engine (AWS_ENDPOINT_URL_S3)')
    .option('--dynamodb-endpoint-url <url>', "DynamoDB's endpoint there (AWS_ENDPOINT_URL_DYNAMODB)")
    .option('--lambda-endpoint-url <url>', "Lambda's endpoint there (AWS_ENDPOINT_URL_LAMBDA)")
    .option('--users-table <name>', 'DynamoDB table of the accounts (DYNAMODB_USERS_TABLE)')
    .option('--locks-table <name>', 'DynamoDB table of the leases (DYNAMODB_LOCKS_TABLE)')
    .option('--function <name>', 'Lambda function, or local for processes here (JAVUMBO_FUNCTION)')
    .option('--api-url <url>', "the function's HTTP API (JAVUMBO_API_URL)")
    .option('--terraform <dir>', 'take what is not named from the outputs of Terraform')
    .option('--cache-dir <path>', 'where databases are cached (JAVUMBO_CACHE_DIR)')
    .option('--cache-ttl <duration>', 'how stale a cached database may be; 300 is 300s (DB_CACHE_TTL)')
    .option('--allow-unsafe-store', 'write to a store that doctor found to lose updates')
    .option('--rtt <duration>', 'simulate a round trip to the store, such as 171ms')
    .option('--timeout <duration>', 'how long a connection may be silent (default: 15s)')
    .option('--json', 'print one JSON document on stdout')
    .option('-q, --quiet', 'no notes and no progress on stderr')
    .addOption(new Option('--progress <form>', 'progress as JSON lines on stderr').choices(['json']))
    .option('-v, --verbose', 'print each request and retry, and the causes of an error')
    .option('--no-color', 'no colours (also NO_COLOR)')
    .addHelpText('after', TOP_HELP);
  await registerCommands(program, execute, words);
  for (const noun of program.commands) for (const command of [noun, ...noun.commands]) explain(command);
  return program;
}

/** Longer lines are hard to read. */
function helpWidthOf({ stdout }: Context): number {
  return Math.min(stdout.columns || 80, 100);
}

/** Adds to the help of a command what its arguments are, and where the options of every command are. */
function explain(command: Command): void {
  for (const argument of command.registeredArguments) argument.description ||= ARGUMENTS[argument.name()] ?? '';
  command.addHelpText('after', '\nOptions of every command: javumbo --help');
}

// By their names, which mean the same in every command.
const ARGUMENTS: Readonly<Record<string, string>> = {
  username: 'the user',
  from: 'the user whose database is copied',
  to: 'the user who gets it',
  sql: 'SQL, or - for standard input',
  values: 'a value for each ? of the SQL',
  table: 'a table or view; without it, all of them',
  dir: 'the folder of the backups',
  'admin.db': 'the file of accounts of the monolith',
  'before.json': 'the report to compare with',
  'after.json': 'the report that is compared',
  'report.json': 'a file that --report json=<file> wrote',
  file: 'a SQLite file, such as an .anki2',
  name: 'the name of a context',
  operation: 'what the function does',
  shell: 'the shell that will read it',
  journal: 'the file that fleet exec has named',
};

const TOP_HELP = `
Example:
  $ javumbo db create alice
  $ javumbo db add-note alice --field 'der Hund' --field 'the dog'
  $ javumbo db query alice 'SELECT id, flds FROM notes'

Exit codes: 0 ok, 1 internal, 2 usage, 3 not found, 4 conflict or exists,
5 unavailable, 6 outcome unknown, 7 a check failed, 8 corrupt, 130 interrupted`;

/** Runs one command line, without the program's name, and returns its exit code. Never throws or exits. */
export async function main(argv: readonly string[], context: Context): Promise<ExitCode> {
  if (argv[0] === 'completion' && argv[1] === 'candidates') {
    const { printCandidates } = await import('./completion/candidates.ts');
    await printCandidates(argv.slice(argv[2] === '--' ? 3 : 2), context, (words) =>
      buildProgram(context, async () => {}, words),
    );
    return EXIT_CODE.ok;
  }
  // Read before parsing, which may fail itself.
  const flags = {
    json: argv.includes('--json'),
    verbose: argv.some((word) => /^(--verbose|-[a-z]*v[a-z]*)$/.test(word)),
  };
  try {
    // Node decodes arguments with loss, before anybody could look at their bytes.
    for (const [index, argument] of argv.entries()) {
      if (argument.includes('\ufffd') && isWhole(context.commandLine?.())) continue;
      refuseLossyText(
        argument,
        `argument ${index + 1}`,
        'the same in UTF-8; locale charmap says what the terminal sends',
      );
    }
  } catch (error) {
    return EXIT_CODE[printFailure(error, flags, context)];
  }
  let code: ExitCode = EXIT_CODE.ok;
  const execute = executeIn(context, (finished) => {
    code = finished;
  });
  const program = await buildProgram(context, execute, argv);
  if (argv.length === 0) {
    context.stdout.write(shortHelp(program, helpWidthOf(context)));
    return EXIT_CODE.ok;
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return EXIT_CODE.ok;
      return EXIT_CODE[printFailure(asUsage(error, program, argv), flags, context)];
    }
    return EXIT_CODE[printFailure(error, flags, context)];
  }
}

/** What there is, without the options. */
function shortHelp(program: Command, helpWidth: number): string {
  const help = program.createHelp();
  help.visibleOptions = () => [];
  help.prepareContext({ helpWidth });
  return `${help.formatHelp(program, help)}\njavumbo <command> --help says more;\njavumbo --help lists the options of every command\n`;
}

/** True if the replacement characters in the arguments are what somebody typed. */
function isWhole(bytes: Buffer | undefined): boolean {
  return bytes?.equals(Buffer.from(bytes.toString('utf8'))) === true;
}

function asUsage(error: CommanderError, program: Command, argv: readonly string[]): JavumboError {
  // Commander prints the help of a command without its subcommand, and throws an error without a message.
  const needed =
    argv[0] === 'help' ? `unknown command '${argv.at(-1)}'` : `${namedCommand(program, argv)} needs a subcommand`;
  const message = error.code === 'commander.help' ? needed : error.message;
  const [first = '', ...more] = readable(message).split('\n');
  // Of several that are alike none is offered.
  const suggestion = /Did you mean (?!one of )(.*)\?/.exec(more.join(' '))?.[1];
  const command = namedCommand(program, argv);
  return new JavumboError('usage', first.replace(/\.$/, ''), {
    try: suggested(error, isMeant(first, suggestion, command) ? suggestion : undefined, command),
    cause: error,
  });
}

/** Says in our words what Commander says of an argument that is none of its choices. */
function readable(message: string): string {
  const choices = /^error: command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/s;
  return message
    .replace(choices, (_, value: string, name: string, all: string) => {
      return `${name} is one of ${all}, not ${JSON.stringify(value)}`;
    })
    .replace(/^error: /, '');
}

function suggested({ code }: CommanderError, suggestion: string | undefined, command: string): string {
  if (suggestion === undefined) return `${command} --help`;
  return code === 'commander.unknownCommand' ? `${command} ${suggestion}` : suggestion;
}

/**
 * Commander offers `--profile` for `--role` and `remove` for `rename`. And no one who has named a command asks for the
 * version.
 */
function isMeant(message: string, suggestion = '', command: string): boolean {
  const [wrong, meant] = [/'-*(.*)'$/.exec(message)?.[1] ?? '', suggestion.replace(/^-+/, '')];
  if (meant === 'version' && command !== 'javumbo') return false;
  return nearest(wrong, [meant], Math.max(1, Math.floor(wrong.length * 0.4))) !== undefined;
}

/** Returns the longest command that the words name, such as `javumbo db query`. */
function namedCommand(program: Command, argv: readonly string[]): string {
  let command = program;
  for (const word of argv) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (next !== undefined) command = next;
  }
  const names: string[] = [];
  for (let current: Command | null = command; current !== null; current = current.parent) names.unshift(current.name());
  return names.join(' ');
}
