import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, main } from '../commands/main.ts';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { formatAge, formatBytes, formatMs, formatTime, isoTime, tsvField, visible } from '../core/format.ts';
import { systemRandom } from '../core/random.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';
import { storedTimeCell, versionCell } from './cells.ts';
import { printFailure, printResult, type View } from './print.ts';

const FLAGS = { json: false, quiet: false, verbose: false, color: true };

function recording(
  tty: boolean,
  env: NodeJS.ProcessEnv = {},
): { context: Context; out: () => string; err: () => string } {
  const written = { out: '', err: '' };
  const terminal = tty ? { isTTY: true, columns: 80 } : {};
  const context: Context = {
    env,
    stdout: {
      ...terminal,
      write: (text) => {
        written.out += text;
      },
    },
    stderr: {
      ...terminal,
      write: (text) => {
        written.err += text;
      },
    },
    clock: systemClock,
    random: systemRandom,
    cleanUps: new CleanUps(),
  };
  return { context, out: () => written.out, err: () => written.err };
}

async function printed<T>(
  result: T,
  view: View<T>,
  tty: boolean,
  env: NodeJS.ProcessEnv = {},
  color = true,
): Promise<string> {
  const { context, out } = recording(tty, env);
  await printResult(result, view, { ...FLAGS, color }, context);
  return out();
}

/** Columns that a line takes on a terminal: two for what East Asian fonts draw wide, and for emoji. */
function columnsOf(line: string): number {
  return [...stripVTControlCharacters(line)].reduce(
    (sum, character) =>
      sum + (/[\u1100-\uffdc]|\p{Emoji_Presentation}/u.test(character) && !/[\u2000-\u2bff]/.test(character) ? 2 : 1),
    0,
  );
}

describe('a table on a terminal of 80 columns', () => {
  test.each<{ name: string; head?: string[]; rows: string[][] }>([
    { name: 'short values', head: ['a', 'b'], rows: [['1', '2']] },
    {
      name: 'long values in each column',
      head: ['a', 'b', 'c'],
      rows: [['x'.repeat(100), 'y'.repeat(90), 'z'.repeat(300)]],
    },
    { name: 'a long title', head: ['t'.repeat(200), 'b'], rows: [['1', '2']] },
    { name: 'wide letters', head: ['a', 'b'], rows: [['日本語'.repeat(40), '한국어'.repeat(20)]] },
    { name: 'emoji', head: ['a'], rows: [['😀'.repeat(100)]] },
    { name: 'five columns', head: [...'abcde'], rows: [Array.from({ length: 5 }, () => 'value '.repeat(9))] },
    {
      name: 'a long line among short ones',
      head: ['a', 'b'],
      rows: [
        ['1', '2'],
        ['x'.repeat(200), 'y'],
        ['3', '4'],
      ],
    },
    {
      name: 'empty values',
      head: ['a', 'b'],
      rows: [
        ['', 'x'.repeat(100)],
        ['', ''],
      ],
    },
    { name: 'lines inside of values', head: ['a', 'b'], rows: [['a', `one\ntwo\r\n${'three '.repeat(30)}`]] },
    { name: 'words, which might be wrapped', head: ['a', 'b'], rows: [['a', 'several words in a row '.repeat(20)]] },
  ])('fits with $name, a line for each row', async ({ head, rows }) => {
    const text = await printed(undefined, { table: () => ({ head, rows }) }, true);
    const lines = text.replace(/\n$/, '').split('\n');
    expect(lines).toHaveLength(rows.length + (head === undefined ? 0 : 1));
    expect(lines.map(columnsOf).filter((columns) => columns > 80)).toEqual([]);
    for (const line of lines) expect(line).toBe(line.trimEnd());
  });

  test('cuts with an ellipsis, and only what does not fit', async () => {
    const table = { head: ['a', 'b'], rows: [['short', 'x'.repeat(500)]] };
    const text = await printed(undefined, { table: () => table }, true, { NO_COLOR: '1' });
    expect(text).toMatch(/^a {6}b\nshort {2}x{72}…\n$/);
  });

  test('cuts no number, and shows rows as lines where one would be cut', async () => {
    const head = Array.from({ length: 18 }, (_, index) => `column${index}`);
    const rows = [1, 2].map((row) =>
      head.map((_, index) => (index === 17 ? '日本語' : row * 1_700_000_000_000 + index)),
    );
    const text = await printed(undefined, { table: () => ({ head, rows }) }, true);
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(18 + 1 + 18);
    expect(lines.slice(17, 20)).toEqual(['column17  日本語', '', 'column0   3400000000000']);
    for (const number of rows.flat()) expect(text).toContain(String(number));
  });

  test('shows the beginning of a version that would fill it, and stored times like any other', async () => {
    const version = 'a'.repeat(64);
    const cells = [
      versionCell(version),
      versionCell('b'.repeat(32)),
      storedTimeCell('2026-11-27T03:53:54.879Z'),
      storedTimeCell('yesterday'),
    ];
    const table = () => ({ rows: cells.map((cell) => ['x', cell]) });
    expect(await printed(undefined, { table }, true)).toBe(
      `x  ${'a'.repeat(16)}…\nx  ${'b'.repeat(32)}\nx  2026-11-27 03:53:54 UTC\nx  yesterday\n`,
    );
    expect(await printed(undefined, { table }, false)).toBe(
      `x\t${version}\nx\t${'b'.repeat(32)}\nx\t2026-11-27T03:53:54.879Z\nx\tyesterday\n`,
    );
  });

  test('breaks a long word that has a name, and loses none of it', async () => {
    const text = await printed(undefined, { table: () => ({ rows: [['version', 'f'.repeat(128)]] }) }, true);
    expect(text).toBe(`version  ${'f'.repeat(71)}\n         ${'f'.repeat(57)}\n`);
  });

  test('goes on below with a long value that has a name, and loses no word', async () => {
    const words = Array.from({ length: 60 }, (_, index) => `word${index}`);
    const rows = [['finding', words.join(' ')]];
    const text = await printed(undefined, { table: () => ({ rows }) }, true);
    const lines = text.trimEnd().split('\n');
    expect(lines.every((line) => columnsOf(line) <= 80)).toBe(true);
    expect(lines.map((line) => line.slice(0, 9))).toEqual(['finding  ', ...lines.slice(1).map(() => ' '.repeat(9))]);
    expect(text.match(/word\d+/g)).toEqual(words);
  });

  test('aligns numbers to the right', async () => {
    const text = await printed(undefined, { table: () => ({ head: ['n'], rows: [[1], [100]] }) }, true, {
      NO_COLOR: '1',
    });
    expect(text).toBe('  n\n  1\n100\n');
  });

  test('has a line that says so where it is empty', async () => {
    const { stdout } = await runCommand(['db', 'list'], { tty: true });
    expect(stdout).toBe('no databases\n');
  });

  test('holds more rows than a call may have arguments', async () => {
    const rows = Array.from({ length: 130_000 }, (_, index) => [String(index)]);
    const text = await printed(undefined, { table: () => ({ rows }) }, true);
    expect(text.trimEnd().split('\n')).toHaveLength(rows.length);
  });

  test('shows control characters instead of obeying them', async () => {
    const rows = [['\u001b]0;title\u0007', 'a\u001fb\u007f\u009bc']];
    const text = await printed(undefined, { table: () => ({ head: ['\u001b[2J', 'b'], rows }) }, true, {
      NO_COLOR: '1',
    });
    expect(text).toContain('␛]0;title␇');
    expect(text).toContain('a␟b␡�c');
    expect(text).toContain('␛[2J');
    expect(text.replaceAll('\n', '')).toBe(visible(text.replaceAll('\n', '')));
  });
});

describe('what commands print on a terminal', () => {
  const env = { ...freshMachine(), NO_COLOR: '1' };
  const long = 'x'.repeat(128);
  const FLDS = `der Hund\u001b[31m ${'日本語 '.repeat(60)}\u001fthe dog`;

  beforeAll(async () => {
    for (const username of [long, 'alice']) await runCommand(['db', 'create', username], { env });
    await runCommand(['db', 'add-note', 'alice', '--field', 'der Hund', '--field', 'the dog'], { env });
    // By SQL, since add-note takes control characters out, as Anki does.
    await runCommand(['db', 'exec', 'alice', 'UPDATE notes SET flds = ?', FLDS], { env });
    // Sort field and checksum follow, for Anki's check looks at them.
    await runCommand(['db', 'check', 'alice', '--repair'], { env });
  });

  test.each([
    ['db', 'list'],
    ['db', 'info', long],
    ['db', 'check', 'alice'],
    ['db', 'query', 'alice', 'SELECT * FROM notes'],
    ['db', 'query', 'alice', "SELECT flds AS one, flds AS two, 'x' AS three, NULL AS four FROM notes"],
    ['db', 'exec', 'alice', 'UPDATE notes SET mod = mod + 1'],
    ['cache', 'stats', '--cache-ttl', '300'],
    ['config', 'show'],
  ])('%s %s %s %s fits and obeys nothing that is stored', async (...argv) => {
    const { code, stdout } = await runCommand(argv, { env, tty: true });
    expect(code).toBe(0);
    expect(stdout).not.toBe('');
    const tooWide = stdout.split('\n').filter((line) => columnsOf(line) > 80);
    // The sentence below the cache's table names a path, whole.
    expect(tooWide.filter((line) => !/^\d+ entries, /.test(line))).toEqual([]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  test('NULL and blobs are told apart from text', async () => {
    const { stdout } = await runCommand(['db', 'query', 'alice', "SELECT NULL AS n, x'0001' AS b, '' AS t, 1 AS i"], {
      env,
      tty: true,
    });
    expect(stdout).toBe('   n  b          t  i\nNULL  (2 bytes)     1\n1 row\n');
  });

  test('in a pipe it is one escaped line for each row, however long', async () => {
    const { stdout } = await runCommand(['db', 'query', 'alice', 'SELECT flds, ? FROM notes', 'a\tb\nc\rd\\e'], {
      env,
    });
    expect(stdout).toBe(`${FLDS.replace('\u001b', '\\u001b')}\ta\\tb\\nc\\rd\\\\e\n`);
  });

  test('as JSON it is one document, whatever the terminal', async () => {
    const { stdout } = await runCommand(['db', 'list', '--json'], { env, tty: true });
    expect(JSON.parse(stdout).databases).toHaveLength(2);
  });
});

describe('colours', () => {
  const view: View<undefined> = {
    table: () => ({ head: ['a'], rows: [['1']] }),
    text: (_, paint) => `${paint.good('good')} ${paint.bad('bad')} ${paint.warn('warn')} ${paint.faint('faint')}`,
  };
  test.each<{ name: string; tty: boolean; env: NodeJS.ProcessEnv; color: boolean; colours: boolean }>([
    { name: 'on a terminal', tty: true, env: {}, color: true, colours: true },
    { name: 'with an empty NO_COLOR', tty: true, env: { NO_COLOR: '' }, color: true, colours: true },
    { name: 'with NO_COLOR', tty: true, env: { NO_COLOR: '1' }, color: true, colours: false },
    { name: 'with NO_COLOR=0, which is set', tty: true, env: { NO_COLOR: '0' }, color: true, colours: false },
    { name: 'with --no-color', tty: true, env: {}, color: false, colours: false },
    { name: 'on a dumb terminal', tty: true, env: { TERM: 'dumb' }, color: true, colours: false },
    { name: 'in a pipe', tty: false, env: {}, color: true, colours: false },
    {
      name: 'in a pipe, whatever FORCE_COLOR says',
      tty: false,
      env: { FORCE_COLOR: '1' },
      color: true,
      colours: false,
    },
  ])('$name: $colours', async ({ tty, env, color, colours }) => {
    expect((await printed(undefined, view, tty, env, color)).includes('\u001b[')).toBe(colours);
  });

  test.each([
    { argv: ['--no-color'], env: {}, colours: false },
    { argv: [], env: { NO_COLOR: '1' }, colours: false },
    { argv: [], env: {}, colours: true },
  ])('config show $argv $env: $colours', async ({ argv, env, colours }) => {
    const { stdout } = await runCommand(['config', 'show', ...argv], { env, tty: true });
    expect(stdout.includes('\u001b[')).toBe(colours);
  });
});

describe('help', async () => {
  const { context } = recording(false);
  const program = await buildProgram(context, () => Promise.reject(new Error('help ran a command')));
  const commands = leaves(program);

  test.each(commands)('javumbo %s --help has an example of itself, ends with 0 and opens nothing', async (path) => {
    const machine = freshMachine();
    const { code, stdout, stderr } = await runCommand([...path.split(' '), '--help'], {
      env: { ...machine, S3_BUCKET: '' },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [, example = ''] = stdout.split('\nExample:\n');
    expect(example).toMatch(new RegExp(`^ {2}\\$ javumbo ${path}\\b`));
    expect(stdout).toMatch(new RegExp(`^Usage: javumbo ${path}\\b`));
    expect(stdout.split('\n').filter((line) => columnsOf(line) > 80)).toEqual([]);
    expect(readdirSync(machine.HOME)).toEqual([]);
  });

  test('explains every argument, says each default once, and where the other options are', async () => {
    const nouns = program.commands.flatMap((noun) => (noun.commands.length > 0 ? noun.commands : [noun]));
    const unexplained = nouns.flatMap((leaf) =>
      leaf.registeredArguments
        .filter(({ description }) => description === '')
        .map((each) => `${leaf.name()} ${each.name()}`),
    );
    expect(unexplained).toEqual([]);
    for (const path of commands) {
      const { stdout } = await runCommand([...path.split(' '), '--help']);
      expect(stdout).toContain('\nOptions of every command: javumbo --help\n');
      const twice = stdout
        .replace(/\n {10,}/g, ' ')
        .split('\n')
        .filter((line) => /\(default.*\(default/.test(line));
      expect(twice).toEqual([]);
    }
  });

  test.each([50, 80])('wraps at a terminal of %i columns', async (columns) => {
    const out = recording(true);
    const stdout = { ...out.context.stdout, columns };
    await main(['db', 'exec', '--help'], { ...out.context, stdout });
    const [help = ''] = out.out().split('Example:');
    const below = help.split('\n').slice(1);
    expect(below.filter((line) => columnsOf(line) > columns)).toEqual([]);
  });

  test('without any word is short, and ends with 0', async () => {
    const { code, stdout, stderr } = await runCommand([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {2}db {3,}create, read, change and move user databases$/m);
    expect(stdout).toContain('javumbo --help lists the options of every command');
    expect(stdout).not.toContain('--bucket');
    expect(stdout.split('\n').length).toBeLessThan(30);
  });

  test.each(commands)('javumbo %s is called by its own words, with nothing else loaded', async (path) => {
    const [noun = '', verb] = path.split(' ');
    const { commands: nouns } = await buildProgram(
      context,
      () => Promise.reject(new Error('ran')),
      verb === undefined ? [noun] : [noun, verb],
    );
    const verbsOf = (name: string) => nouns.find((each) => each.name() === name)?.commands.map((leaf) => leaf.name());
    // `doctor` is a command of one word.
    expect(verbsOf(noun)).toEqual(verb === undefined ? [] : [verb]);
    for (const other of nouns.map((each) => each.name())) {
      // `bench cache`: a word may be both.
      if (other !== noun && other !== verb) expect(verbsOf(other)).toEqual([]);
    }
  });

  test('of everything names every noun, every global option and the exit codes', async () => {
    const { code, stdout, stderr } = await runCommand(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const { name, description } of program.commands.map((noun) => ({
      name: noun.name(),
      description: noun.description(),
    }))) {
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\s+${description.slice(0, 20)}`, 'm'));
    }
    for (const option of program.options) expect(stdout).toContain(option.long);
    expect(stdout).toContain('8 corrupt, 130 interrupted');
    expect(program.commands.map((noun) => noun.name())).toEqual(
      expect.arrayContaining(['db', 'bench', 'verify', 'cache', 'config']),
    );
  });

  const nouns = program.commands.map((noun) => noun.name()).filter((name) => !commands.includes(name));
  test.each(nouns)('of %s names its verbs', async (noun) => {
    const { code, stdout } = await runCommand([noun, '--help']);
    expect(code).toBe(0);
    const verbs = program.commands.find((command) => command.name() === noun)?.commands ?? [];
    expect(verbs.length).toBeGreaterThan(0);
    for (const verb of verbs) expect(stdout).toMatch(new RegExp(`^ {2}${verb.name()}\\b`, 'm'));
  });

  test('every command stands in a file that has its name, and the days of verify in one', () => {
    const files = readdirSync(join(import.meta.dirname, '..', 'commands'), { recursive: true, encoding: 'utf8' }).map(
      (path) => path.replaceAll('\\', '/'),
    );
    for (const path of commands) {
      const [noun = '', verb = noun] = path.split(' ');
      expect(files).toContain(noun === 'verify' ? 'verify/days.ts' : `${noun}/${verb}.ts`);
    }
  });

  test('--version prints the version of the package', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await runCommand(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('a failure', () => {
  test.each<{ name: string; thrown: unknown; kind: string; stderr: string }>([
    {
      name: 'with a hint',
      thrown: new JavumboError('conflict', 'lost', { try: 'again' }),
      kind: 'conflict',
      stderr: 'error: lost\ntry:   again\n',
    },
    {
      name: 'that is a defect',
      thrown: new TypeError('x is not a function'),
      kind: 'internal',
      stderr: 'error: x is not a function\ntry:   the same command with --verbose, and report what it prints\n',
    },
    {
      name: 'that is no error',
      thrown: 'text',
      kind: 'internal',
      stderr: 'error: text\ntry:   the same command with --verbose, and report what it prints\n',
    },
    {
      name: 'of two lines with an escape',
      thrown: new JavumboError('usage', 'a\nerror: b\u001b[0m', { try: 'c\nd' }),
      kind: 'usage',
      stderr: 'error: a␊error: b␛[0m\ntry:   c␊d\n',
    },
  ])('$name', ({ thrown, kind, stderr }) => {
    const { context, err } = recording(true);
    expect(printFailure(thrown, FLAGS, context)).toBe(kind);
    expect(err()).toBe(stderr);
  });

  test('as JSON has what it knows, and always something to try', () => {
    const { context, err } = recording(false);
    printFailure(
      new JavumboError('conflict', 'lost', {
        username: 'alice',
        expectedVersion: 'a',
        actualVersion: 'b',
        cause: new Error('x'),
      }),
      { ...FLAGS, json: true },
      context,
    );
    printFailure(new JavumboError('usage', 'wrong'), { ...FLAGS, json: true }, context);
    expect(
      err()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        error: {
          kind: 'conflict',
          message: 'lost',
          try: 'the same command again',
          username: 'alice',
          expectedVersion: 'a',
          actualVersion: 'b',
        },
      },
      { error: { kind: 'usage', message: 'wrong', try: 'the same command with --help' } },
    ]);
  });
});

describe('numbers and text for people and machines', () => {
  test.each([
    [formatBytes(0), '0 B'],
    [formatBytes(999), '999 B'],
    [formatBytes(1000), '1.0 kB'],
    [formatBytes(24_576), '24.6 kB'],
    [formatBytes(999_949), '999.9 kB'],
    [formatBytes(999_950), '1.0 MB'],
    [formatBytes(2e15), '2000.0 TB'],
    [formatMs(0.005), '0.01 ms'],
    [formatMs(9.5), '9.50 ms'],
    [formatMs(12.34), '12.3 ms'],
    [formatMs(171.4), '171 ms'],
    [formatAge(-5), '0 s'],
    [formatAge(59_000), '59 s'],
    [formatAge(90_000), '2 min'],
    [formatAge(7_200_000), '2 h'],
    [formatAge(8 * 86_400_000), '8 d'],
    [isoTime(0), '1970-01-01T00:00:00.000Z'],
    [formatTime(1_700_000_000_123), '2023-11-14 22:13:20'],
    [tsvField('a\\b\tc\nd\re'), 'a\\\\b\\tc\\nd\\re'],
    [visible('a\u0000\u001f\u007f\u0085ü😀'), 'a␀␟␡�ü😀'],
  ])('%j', (is, expected) => {
    expect(is).toBe(expected);
  });
});

/** The paths of all commands that do something: `db query`. */
function leaves(command: Command, path: readonly string[] = []): string[] {
  if (command.commands.length === 0) return [path.join(' ')];
  return command.commands.flatMap((next) => leaves(next, [...path, next.name()]));
}
