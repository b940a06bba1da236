import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { EXIT_CODE } from '../cli/exit-code.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { BUCKET } from '../testing/command-deployments.ts';
import { expectFailure } from '../testing/expect-failure.ts';
import { freshMachine, IMPATIENT, runCommand, temporaryDirectory } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';

interface Case {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly code: number;
  readonly error: RegExp;
  readonly hint?: RegExp;
}

/** What must hold of every failure: for people two lines, with --json one document on the last line of stderr. */
async function expectRefused({ argv, env = freshMachine(), code, error, hint }: Omit<Case, 'name'>): Promise<void> {
  expectFailure(await runCommand(argv, { env, clock: IMPATIENT }), { code, error, ...(hint && { hint }) });
  const json = await runCommand(['--json', ...argv], { env, clock: IMPATIENT });
  expect({ code: json.code, stdout: json.stdout }).toEqual({ code, stdout: '' });
  const { kind, message, try: tried } = json.failure();
  expect(EXIT_CODE[kind as keyof typeof EXIT_CODE]).toBe(code);
  expect(`error: ${message}`).toMatch(error);
  expect(tried).toEqual(expect.any(String));
}

describe('a username', () => {
  const bad = [
    { name: 'with a slash', username: 'a/b' },
    { name: 'that leads upwards', username: '..' },
    { name: 'that leads upwards and down again', username: '../alice' },
    { name: 'with a backslash', username: 'a\\b' },
    { name: 'with a line break', username: 'alice\nbob' },
    { name: 'with a line break at its end', username: 'alice\n' },
    { name: 'with U+0000', username: 'alice\u0000' },
    { name: 'with an escape sequence', username: '\u001b[31mred' },
    { name: 'with a blank', username: 'al ice' },
    { name: 'with a leading dot', username: '.alice' },
    { name: 'with an umlaut', username: 'jürgen' },
    { name: 'of 200 letters', username: 'x'.repeat(200) },
    { name: 'of 129 letters', username: 'x'.repeat(129) },
    { name: 'that is empty', username: '' },
  ];
  test.each(bad)('$name is no username to any command', async ({ username }) => {
    const machine = freshMachine();
    for (const argv of [
      ['create'],
      ['info'],
      ['check'],
      ['delete'],
      ['pull'],
      ['query', 'SELECT 1'],
      ['exec', 'SELECT 1'],
      ['add-note', '--field', 'x'],
      ['push', '/dev/null'],
    ]) {
      const [verb = '', ...more] = argv;
      await expectRefused({
        argv: ['db', verb, username, ...more],
        env: machine,
        code: 2,
        error: /^error: ".*" is not a username$/,
        hint: /letter or digit/,
      });
    }
    // Nothing was opened for it, let alone made.
    expect(statSync(machine.JAVUMBO_HOME, { throwIfNoEntry: false })).toBeUndefined();
  });

  test.each(['x'.repeat(128), 'a', '7', 'a.b_c@d+e-f', 'COM1', 'alice..bob'])('%s is one', async (username) => {
    const env = freshMachine();
    expect((await runCommand(['db', 'create', username], { env })).code).toBe(0);
    expect((await runCommand(['db', 'info', username], { env })).code).toBe(0);
  });
});

describe('a command line that makes no sense', () => {
  test.each<Case>([
    {
      name: 'a noun alone',
      argv: ['db'],
      code: 2,
      error: /^error: javumbo db needs a subcommand$/,
      hint: /^try: {3}javumbo db --help$/,
    },
    {
      name: 'an unknown noun',
      argv: ['dbs', 'list'],
      code: 2,
      error: /^error: unknown command 'dbs'$/,
      hint: /^try: {3}javumbo db$/,
    },
    {
      name: 'an unknown verb',
      argv: ['db', 'quer', 'alice'],
      code: 2,
      error: /^error: unknown command 'quer'$/,
      hint: /^try: {3}javumbo db query$/,
    },
    {
      name: 'a verb like no other',
      argv: ['db', 'xyzzy'],
      code: 2,
      error: /^error: unknown command 'xyzzy'$/,
      hint: /^try: {3}javumbo db --help$/,
    },
    {
      name: 'an unknown option',
      argv: ['db', 'list', '--jsno'],
      code: 2,
      error: /^error: unknown option '--jsno'$/,
      hint: /^try: {3}--json$/,
    },
    {
      name: 'an option like no other',
      argv: ['db', 'list', '--frobnicate'],
      code: 2,
      error: /^error: unknown option '--frobnicate'$/,
      hint: /^try: {3}javumbo db list --help$/,
    },
    {
      name: 'SQL that looks like an option',
      argv: ['db', 'query', 'alice', '-- SELECT 1'],
      code: 2,
      error: /^error: unknown option '-- SELECT 1'$/,
    },
    {
      name: 'a missing argument',
      argv: ['db', 'info'],
      code: 2,
      error: /^error: missing required argument 'username'$/,
      hint: /^try: {3}javumbo db info --help$/,
    },
    {
      name: 'a second missing argument',
      argv: ['db', 'query', 'alice'],
      code: 2,
      error: /^error: missing required argument 'sql'$/,
    },
    {
      name: 'an argument too many',
      argv: ['db', 'info', 'alice', 'bob'],
      code: 2,
      error: /^error: too many arguments for 'info'/,
    },
    {
      name: 'a missing required option',
      argv: ['db', 'add-note', 'alice'],
      code: 2,
      error: /^error: required option '--field <text>' not specified$/,
    },
    {
      name: 'an option without its value',
      argv: ['db', 'list', '--bucket'],
      code: 2,
      error: /^error: option '--bucket <name>' argument missing$/,
    },
    {
      name: 'a number that is none',
      argv: ['db', 'exec', 'alice', 'SELECT 1', '--retries', 'many'],
      code: 2,
      error: /^error: option '--retries <n>' argument 'many' is invalid. It must be a whole number from 0$/,
    },
    {
      name: 'a negative number',
      argv: ['db', 'exec', 'alice', 'SELECT 1', '--retries=-1'],
      code: 2,
      error: /'-1' is invalid/,
    },
    {
      name: 'no request',
      argv: ['bench', 'latency', '--requests', '0'],
      code: 2,
      error: /'0' is invalid. It must be a whole number from 1$/,
    },
    { name: 'half a note', argv: ['bench', 'latency', '--notes', '1.5'], code: 2, error: /'1.5' is invalid/ },
    {
      name: 'an unknown deployment',
      argv: ['db', 'list', '--deployment', 'gcp'],
      code: 2,
      error: /^error: --deployment is local or aws, not "gcp"$/,
    },
    {
      name: 'a duration that is none',
      argv: ['db', 'list', '--cache-ttl', 'soon'],
      code: 2,
      error: /^error: --cache-ttl is not a duration: "soon"$/,
    },
    {
      name: 'an empty bucket in the environment',
      argv: ['db', 'list'],
      env: { S3_BUCKET: '' },
      code: 2,
      error: /^error: S3_BUCKET is set but empty$/,
    },
    {
      name: 'an empty region',
      argv: ['db', 'list', '--bucket', 'b', '--region', ''],
      code: 2,
      error: /^error: --region is empty$/,
    },
    {
      name: 'a simulated round trip to AWS',
      argv: ['db', 'list', '--bucket', 'b', '--rtt', '5ms'],
      code: 2,
      error: /^error: --rtt simulates a network, and AWS has a real one$/,
    },
    {
      name: 'an address that is none',
      argv: ['db', 'list', '--bucket', 'b', '--endpoint-url', 'localhost:7480'],
      code: 2,
      error: /^error: --endpoint-url is not an http or https address/,
    },
    {
      name: 'control characters in an error',
      argv: ['db', 'list', '--deployment', 'a\u001b[31m\nerror: b'],
      code: 2,
      error: /^error: --deployment is local or aws, not "a\\u001b\[31m\\nerror: b"$/,
    },
    {
      name: 'control characters in a command',
      argv: ['\u001b[31m'],
      code: 2,
      error: /^error: unknown command '␛\[31m'$/,
    },
  ])('$name', (refused) => expectRefused(refused));

  test.each([
    { name: 'SQL behind --', argv: ['--', '-- a comment\nSELECT 1 AS x'], stdout: '1\n' },
    { name: 'a negative number', argv: ['SELECT ? AS x', '-5'], stdout: '-5\n' },
    { name: 'values that look like options, behind --', argv: ['SELECT ? AS x', '--', '--json'], stdout: '--json\n' },
  ])('but not $name', async ({ argv, stdout }) => {
    const env = freshMachine();
    await runCommand(['db', 'create', 'alice'], { env });
    const result = await runCommand(['db', 'query', 'alice', '--quiet', ...argv], { env });
    expect(result).toMatchObject({ code: 0, stdout, stderr: '' });
  });
});

describe('SQL that makes no sense', () => {
  test.each<{ name: string; argv: string[]; error: RegExp }>([
    {
      name: 'a query that does not parse',
      argv: ['query', 'alice', 'SELEC 1'],
      error: /^error: near "SELEC": syntax error; did you mean SELECT\?$/,
    },
    {
      name: 'a query with a line break',
      argv: ['query', 'alice', 'SELECT "a\nb" FROM notes'],
      error: /^error: no such column: /i,
    },
    { name: 'a query that is empty', argv: ['query', 'alice', ''], error: /^error: the SQL is empty$/ },
    {
      name: 'a query that writes',
      argv: ['query', 'alice', 'DELETE FROM notes'],
      error: /^error: db query only reads, and DELETE does not$/,
    },
    {
      name: 'a query with too many values',
      argv: ['query', 'alice', 'SELECT 1', '1'],
      error: /^error: too many parameter values/,
    },
    {
      name: 'a script that does not parse',
      argv: ['exec', 'alice', 'SELECT 1; SELEC 2'],
      error: /^error: line 1: near "SELEC": syntax error; did you mean SELECT\?$/,
    },
  ])('$name', async ({ argv, error }) => {
    const env = freshMachine();
    await runCommand(['db', 'create', 'alice'], { env });
    await expectRefused({ argv: ['db', ...argv, '--quiet'], env, code: 2, error });
  });
});

test('a profile without a bucket is refused: the local deployment has none', async () => {
  await expectRefused({
    argv: ['db', 'list', '--profile', 'nope'],
    code: 2,
    error: /^error: --profile names a part of a deployment on AWS, and no bucket is named$/,
    hint: /--bucket <name>/,
  });
  // One in the environment belongs to other programs too.
  expect((await runCommand(['db', 'list'], { env: { ...freshMachine(), AWS_PROFILE: 'nope' } })).code).toBe(0);
});

describe('a place that cannot be used', () => {
  const long = 'x'.repeat(5_000);
  test.each([
    { name: 'a collection to push', argv: ['db', 'push', 'alice', long], error: /x cannot be read: ENAMETOOLONG/ },
    { name: 'a table of accounts', argv: ['user', 'import', long], error: /x cannot be read: ENAMETOOLONG/ },
    {
      name: 'a directory of databases',
      argv: ['user', 'import', 'admin.db', '--with-databases', long],
      error: /x is not a directory/,
    },
    {
      name: 'a cache directory to clean',
      argv: ['clean', 'tmp', '--cache-dir', long],
      error: /x cannot be used: ENAMETOOLONG/,
    },
    { name: 'a script', argv: ['db', 'exec', 'alice', '--file', long], error: /x cannot be read: ENAMETOOLONG/ },
  ])('a path that is too long: $name', async ({ argv, error }) => {
    await expectRefused({ argv, code: 2, error, hint: /another/ });
  });

  test('a cache whose parent is a file', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const argv = ['db', 'create', 'alice', '--cache-dir', join(file, 'cache')];
    await expectRefused({
      argv,
      code: 2,
      error: /^error: the cache directory \S+ cannot be used: ENOTDIR/,
      hint: /--cache-dir/,
    });
  });

  test('a cache that is a file', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const env = { JAVUMBO_CACHE_DIR: file };
    await expectRefused({
      argv: ['db', 'list'],
      env,
      code: 2,
      error: /^error: the cache (path|directory) \S+ (is not a directory|cannot be used)/,
    });
  });

  // Only root can give a directory away; whoever runs the tests as somebody else cannot make the situation.
  it.runIf(process.getuid?.() === 0)('a cache that belongs to somebody else', async () => {
    const directory = join(temporaryDirectory(), 'cache');
    mkdirSync(directory);
    chmodSync(directory, 0o777);
    chownSync(directory, 65_534, 65_534);
    const argv = ['db', 'create', 'alice', '--cache-dir', directory];
    await expectRefused({
      argv,
      code: 2,
      error: /^error: the cache directory \S+ belongs to another user$/,
      hint: /--cache-dir/,
    });
    expect(statSync(directory).mode & 0o777).toBe(0o777);
  });

  test('a local deployment whose parent is a file', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    const env = { JAVUMBO_HOME: join(file, 'home') };
    await expectRefused({
      argv: ['db', 'list'],
      env,
      code: 2,
      error: /^error: open the local deployment: ENOTDIR/,
      hint: /JAVUMBO_HOME/,
    });
  });

  test('a local deployment whose index is no index', async () => {
    const home = temporaryDirectory();
    writeFileSync(join(home, 'index.sqlite'), 'no index '.repeat(1000));
    const result = await runCommand(['db', 'list', '--json'], { env: { JAVUMBO_HOME: home } });
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code: 8, stdout: '' });
    expect(result.failure()).toMatchObject({
      kind: 'corrupt',
      message: expect.stringContaining('its index is damaged'),
    });
  });
});

describe('a store that cannot be reached', () => {
  const credentials = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };
  let server: S3Server;

  beforeAll(async () => {
    server = await startS3Server({ buckets: [BUCKET], accessKeyId: 'key' });
  });

  afterAll(() => server.close());

  const commands: { readonly name: string; readonly argv: string[] }[] = [
    { name: 'list', argv: ['db', 'list'] },
    { name: 'info', argv: ['db', 'info', 'alice'] },
    { name: 'query', argv: ['db', 'query', 'alice', 'SELECT 1'] },
    { name: 'exec', argv: ['db', 'exec', 'alice', 'SELECT 1'] },
    { name: 'create', argv: ['db', 'create', 'alice'] },
    { name: 'pull', argv: ['db', 'pull', 'alice', '--out', '/dev/null/x'] },
    { name: 'bench latency', argv: ['bench', 'latency'] },
  ];

  test.each(commands)('without the bucket: $name', async ({ argv }) => {
    const refused = [...argv, '--bucket', 'absent', '--endpoint-url', server.endpoint];
    await expectRefused({
      argv: refused,
      env: credentials,
      code: 3,
      error: /^error: there is no bucket "absent" at http:\/\/127\.0\.0\.1:\d+$/,
      hint: /--bucket/,
    });
  });

  test.each(commands)('with credentials that it refuses: $name', async ({ argv }) => {
    const refused = [...argv, '--bucket', BUCKET, '--endpoint-url', server.endpoint];
    const env = { AWS_ACCESS_KEY_ID: 'other', AWS_SECRET_ACCESS_KEY: 'secret' };
    await expectRefused({ argv: refused, env, code: 5, error: /refuses it \(InvalidAccessKeyId/, hint: /credentials/ });
  });

  test.each(commands)('where nobody listens: $name', async ({ argv }) => {
    const refused = [...argv, '--bucket', BUCKET, '--endpoint-url', `http://127.0.0.1:${await closedPort()}`];
    await expectRefused({
      argv: refused,
      env: credentials,
      code: 5,
      error: /cannot connect to http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)$/,
      hint: /endpoint/,
    });
  });

  // In a process of its own: only there is the environment really without credentials. Nothing may be asked for them.
  test.each(commands)('without credentials: $name', async ({ argv }) => {
    server.resetCounts();
    const { HOME, JAVUMBO_HOME, JAVUMBO_CACHE_DIR } = freshMachine();
    const env = { HOME, JAVUMBO_HOME, JAVUMBO_CACHE_DIR, AWS_EC2_METADATA_DISABLED: 'true' };
    const child = await runScript(
      SCRIPTS.javumbo,
      [...argv, '--bucket', BUCKET, '--endpoint-url', server.endpoint],
      env,
    );
    expectFailure(child, { code: 5, error: /no AWS credentials/, hint: /AWS_ACCESS_KEY_ID/ });
    expect(server.counts.requests).toBe(0);
  });
});

describe('--verbose', () => {
  test('prints the causes first, and the two lines last', async () => {
    const env = freshMachine();
    await runCommand(['db', 'create', 'alice'], { env });
    const { stderr } = await runCommand(['db', 'query', 'alice', 'SELEC 1', '--verbose', '--quiet'], { env });
    expect(stderr).toMatch(/^JavumboError: near/m);
    expect(stderr).toMatch(/SqliteError: near "SELEC"[^\n]*\n\s+at /);
    expect(stderr.trimEnd().split('\n').slice(-2)).toEqual([
      expect.stringMatching(/^error: /),
      expect.stringMatching(/^try: {3}/),
    ]);
  });
});

/** A port that was free a moment ago: nobody else on this machine hands out the same one so soon. */
function closedPort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
