import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { freshMachine, IMPATIENT, type Json, runCommand } from '../testing/run-command.ts';
import { contextsFile } from './contexts.ts';

let env: NodeJS.ProcessEnv;

beforeEach(() => {
  env = freshMachine();
});

const run = (argv: readonly string[], more: NodeJS.ProcessEnv = {}) =>
  runCommand(argv, { env: { ...env, ...more }, clock: IMPATIENT });

const save = async (name: string, ...flags: string[]): Promise<void> => {
  expect((await run([...flags, 'config', 'save', name])).code).toBe(0);
};

/** A setting as `value from source`. */
async function shown(setting: string, argv: readonly string[] = [], more: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, stdout, stderr } = await run([...argv, 'config', 'show', '--json'], more);
  if (code !== 0) return stderr;
  const { value, source, from } = (JSON.parse(stdout) as Json)[setting];
  return `${value} from ${source}${from === undefined ? '' : ` ${from}`}`;
}

const notesIn = (stderr: string): string[] => stderr.split('\n').filter((line) => line.startsWith('note: '));

const put = (text: string): void => {
  mkdirSync(dirname(contextsFile(env)), { recursive: true });
  writeFileSync(contextsFile(env), text);
};

describe('a context', () => {
  test('is what was named, and nothing else, in a file of this user', async () => {
    await run(['--bucket', 'b', '--users-table', 'the-users', 'config', 'save', 'one'], {
      AWS_REGION: 'eu-central-1',
      AWS_SECRET_ACCESS_KEY: 'secret',
    });
    const file = contextsFile(env);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      contexts: { one: { bucket: 'b', region: 'eu-central-1', usersTable: 'the-users' } },
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('stays beside others, and is replaced by another of its name only with --yes', async () => {
    await save('one', '--bucket', 'b1', '--users-table', 'the-users');
    await save('one', '--bucket', 'b1', '--users-table', 'the-users');
    await save('two', '--bucket', 'b2', '--region', 'eu-west-1');
    const before = readFileSync(contextsFile(env), 'utf8');
    const { code, stderr } = await run(['config', 'save', 'one', '--bucket', 'b3']);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(
        /there is a context "one", with another bucket and usersTable\n *try: *another name, or --yes to replace it\n/,
      ),
    });
    expect(readFileSync(contextsFile(env), 'utf8')).toBe(before);
    expect((await run(['config', 'save', 'one', '--bucket', 'b3', '--yes'])).code).toBe(0);
    const { contexts } = (await run(['config', 'list', '--json'])).json();
    expect(contexts).toEqual({
      one: { bucket: 'b3', region: 'us-east-1' },
      two: { bucket: 'b2', region: 'eu-west-1' },
    });
  });

  test.each<{ name: string; profile: string; argv: string[]; keeps: object }>([
    { name: 'the default one', profile: 'default', argv: [], keeps: {} },
    { name: 'a named one', profile: 'profile p', argv: ['--profile', 'p'], keeps: { profile: 'p' } },
  ])('keeps what an AWS profile says, $name', async ({ profile, argv, keeps }) => {
    const AWS_CONFIG_FILE = join(env.HOME as string, 'aws');
    writeFileSync(
      AWS_CONFIG_FILE,
      `[${profile}]\nregion = eu-central-1\nendpoint_url = http://127.0.0.1:1/\nservices = s\n` +
        '[services s]\ndynamodb =\n  endpoint_url = http://127.0.0.1:2\n',
    );
    const saved = await run([...argv, '--bucket', 'b', 'config', 'save', 'one', '--json'], { AWS_CONFIG_FILE });
    expect(saved.json().settings).toEqual({
      ...keeps,
      bucket: 'b',
      region: 'eu-central-1',
      endpointUrl: 'http://127.0.0.1:1',
      dynamodbEndpointUrl: 'http://127.0.0.1:2',
      lambdaEndpointUrl: 'http://127.0.0.1:1',
    });
  });

  test.each<{ name: string; argv: string[]; says: RegExp }>([
    { name: 'nothing', argv: ['config', 'save', 'x'], says: /a context names a bucket/ },
    { name: 'local', argv: ['--bucket', 'b', 'config', 'save', 'local'], says: /is not the name of a context/ },
    { name: 'a path', argv: ['--bucket', 'b', 'config', 'save', '../x'], says: /is not the name of a context/ },
    {
      name: 'the id of a key',
      argv: ['--bucket', 'b', '--users-table', 'AKIAIOSFODNN7EXAMPLE', 'config', 'save', 'x'],
      says: /usersTable of the context looks like a secret/,
    },
    {
      name: 'a password',
      argv: ['--bucket', 'b', '--endpoint-url', 'http://u:p@h', 'config', 'save', 'x'],
      says: /holds a user or a password/,
    },
  ])('cannot be made of $name', async ({ argv, says }) => {
    const { code, stderr } = await run(argv);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(says) });
  });
});

describe('of the settings', () => {
  beforeEach(async () => {
    await save(
      'one',
      '--bucket',
      'b',
      '--endpoint-url',
      'http://127.0.0.1:1',
      '--region',
      'eu-west-1',
      '--users-table',
      'ctx',
    );
  });

  test.each<{ setting: string; argv?: string[]; env?: NodeJS.ProcessEnv; is: string }>([
    { setting: 'bucket', is: 'b from context one' },
    { setting: 'context', is: 'one from flag --context' },
    { setting: 'deployment', is: 'aws from context one' },
    { setting: 'usersTable', is: 'ctx from context one' },
    { setting: 'usersTable', argv: ['--users-table', 'flag'], is: 'flag from flag --users-table' },
    { setting: 'usersTable', env: { DYNAMODB_USERS_TABLE: 'own' }, is: 'own from environment DYNAMODB_USERS_TABLE' },
    {
      setting: 'region',
      env: { AWS_DEFAULT_REGION: 'us-east-2' },
      is: 'us-east-2 from environment AWS_DEFAULT_REGION',
    },
    {
      setting: 'endpointUrl',
      env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:2' },
      is: 'http://127.0.0.1:1 from context one',
    },
    {
      setting: 'endpointUrl',
      env: { AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:2' },
      is: 'http://127.0.0.1:2 from environment AWS_ENDPOINT_URL_S3',
    },
    {
      setting: 'endpointUrl',
      env: { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true', AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:2' },
      is: 'http://127.0.0.1:1 from context one',
    },
    { setting: 'lambdaEndpointUrl', env: { AWS_ENDPOINT_URL: 'http://127.0.0.1:2' }, is: 'null from default' },
    { setting: 'bucket', argv: ['--bucket', 'b'], is: 'b from flag --bucket' },
    { setting: 'bucket', env: { S3_BUCKET: 'b' }, is: 'b from environment S3_BUCKET' },
    { setting: 'locksTable', is: 'javumbo-user-locks from default' },
  ])('with --context, $setting is $is', async ({ setting, argv = [], env: more, is }) => {
    expect(await shown(setting, ['--context', 'one', ...argv], more)).toBe(is);
  });

  test.each<{ argv?: string[]; env?: NodeJS.ProcessEnv; setting: string; is: string }>([
    { setting: 'bucket', is: 'b from context one' },
    { setting: 'usersTable', is: 'ctx from context one' },
    { setting: 'usersTable', argv: ['--bucket', 'f'], is: 'javumbo-users from default' },
    { setting: 'usersTable', env: { S3_BUCKET: 'e' }, is: 'javumbo-users from default' },
    { setting: 'deployment', argv: ['--deployment', 'local'], is: 'local from flag --deployment' },
    { setting: 'bucket', argv: ['--deployment', 'local'], is: 'null from default' },
    { setting: 'deployment', argv: ['--context', 'local'], is: 'local from default' },
  ])('with config use and $argv $env, $setting is $is', async ({ argv, env: more, setting, is }) => {
    await run(['config', 'use', 'one']);
    expect(await shown(setting, argv, more)).toBe(is);
  });

  test('config use local takes the local deployment again', async () => {
    await run(['config', 'use', 'one']);
    await run(['config', 'use', 'local']);
    expect(await shown('deployment')).toBe('local from default');
  });

  test('a command says which context it works on, unless it was named', async () => {
    await run(['config', 'use', 'one']);
    const more = { AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' };
    expect((await run(['db', 'list', '--timeout', '1s'], more)).stderr).toContain('note: context one: bucket b\n');
    expect((await run(['db', 'list', '--timeout', '1s', '--context', 'one'], more)).stderr).not.toContain('note:');
  });

  test('a command says what it takes from elsewhere', async () => {
    const more = {
      DYNAMODB_USERS_TABLE: 'staging-users',
      DYNAMODB_LOCKS_TABLE: '',
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:2',
      JAVUMBO_API_URL: 'http://staging',
      AWS_ACCESS_KEY_ID: 'k',
      AWS_SECRET_ACCESS_KEY: 's',
    };
    const argv = ['db', 'list', '--timeout', '1s', '--endpoint-url', 'http://127.0.0.1:3'];
    const notes = [
      'note: --endpoint-url instead of the endpointUrl of context one: http://127.0.0.1:3, not http://127.0.0.1:1',
      'note: DYNAMODB_USERS_TABLE instead of the usersTable of context one: staging-users, not ctx',
      'note: JAVUMBO_API_URL instead of the apiUrl of context one: http://staging, not none',
      'note: AWS_ENDPOINT_URL is left aside: context one says where everything is',
    ];
    expect(notesIn((await run([...argv, '--context', 'one'], more)).stderr)).toEqual(notes);
    await run(['config', 'use', 'one']);
    expect(notesIn((await run(argv, more)).stderr)).toEqual(['note: context one: bucket b', ...notes]);
    const copied = await run(['config', 'save', 'two', '--endpoint-url', 'http://127.0.0.1:3'], more);
    expect(notesIn(copied.stderr)).toEqual(['note: context one: bucket b', ...notes]);
  });

  test.each<{ name: string; argv: string[]; env?: NodeJS.ProcessEnv; says: RegExp }>([
    { name: 'none', argv: ['--context', 'two'], says: /there is no context "two"/ },
    { name: 'a name of every object', argv: ['--context', 'constructor'], says: /there is no context "constructor"/ },
    {
      name: 'another bucket in the environment',
      argv: ['--context', 'one'],
      env: { S3_BUCKET: 'e' },
      says: /S3_BUCKET "e" and --context one \(bucket "b"\) name two buckets/,
    },
    {
      name: 'another bucket',
      argv: ['--context', 'one', '--bucket', 'f'],
      says: /--bucket "f" and --context one \(bucket "b"\) name two buckets\n *try: *one of the two/,
    },
    {
      name: 'the local deployment',
      argv: ['--context', 'one', '--deployment', 'local'],
      says: /each name a deployment/,
    },
    { name: 'local with a bucket', argv: ['--context', 'local', '--bucket', 'f'], says: /each name a deployment/ },
    { name: 'an empty one', argv: ['--context', ''], says: /there is no context ""/ },
  ])('--context with $name is refused', async ({ argv, env: more, says }) => {
    const { code, stderr } = await run([...argv, 'config', 'show'], more);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(says) });
  });
});

describe('a context that there is not', () => {
  beforeEach(() => save('production', '--bucket', 'b'));

  test.each<{ argv: string[] }>([
    { argv: ['config', 'use', 'prodution'] },
    { argv: ['config', 'remove', 'prodution'] },
    { argv: ['config', 'show', '--context', 'prodution'] },
    { argv: ['db', 'list', '--context', 'prodution'] },
  ])('is told as a usage error by $argv', async ({ argv }) => {
    const { code, stdout, stderr } = await run(argv);
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: there is no context "prodution"; did you mean production?\ntry:   javumbo config list\n',
    });
  });
});

describe('config remove', () => {
  const contexts = async (): Promise<Json> => (await run(['config', 'list', '--json'])).json();
  const one = { bucket: 'b1', region: 'us-east-1' };
  const two = { bucket: 'b2', region: 'us-east-1' };

  beforeEach(async () => {
    await save('one', '--bucket', 'b1');
    await save('two', '--bucket', 'b2');
    await run(['config', 'use', 'one']);
  });

  test('forgets a context, prints what it was, and leaves the one in use', async () => {
    const removed = (await run(['config', 'remove', 'two', '--json'])).json();
    expect(removed).toEqual({ name: 'two', file: contextsFile(env), settings: two });
    expect(await contexts()).toEqual({ current: 'one', contexts: { one } });
  });

  test.each<{ name: string; says: string }>([
    { name: 'one', says: 'context "one" is in use' },
    { name: 'local', says: '"local" is the local deployment, which is always there' },
    { name: 'constructor', says: 'there is no context "constructor"' },
    { name: '', says: 'there is no context ""' },
  ])('refuses "$name" and removes nothing', async ({ name, says }) => {
    const { code, stderr } = await run(['config', 'remove', name]);
    expect({ code, said: stderr.split('\n')[0] }).toEqual({ code: 2, said: `error: ${says}` });
    expect(await contexts()).toEqual({ current: 'one', contexts: { one, two } });
  });
});

describe('a file', () => {
  test.each<{ name: string; text: string; says: RegExp }>([
    {
      name: 'with a context that names no bucket',
      text: '{"current":"x","contexts":{"x":{"usersTable":"u"}}}',
      says: /holds no bucket in context "x"/,
    },
    { name: 'that is no JSON', text: '{', says: /is not JSON/ },
    { name: 'that holds something else', text: '[]', says: /holds no contexts/ },
    {
      name: 'with a setting that is none',
      text: '{"current":"x","contexts":{"x":{"bucket":"b","secretAccessKey":"hush"}}}',
      says: /holds "secretAccessKey" in context "x"/,
    },
    {
      name: 'with a key where a name belongs',
      text: '{"current":"x","contexts":{"x":{"bucket":"AKIAIOSFODNN7EXAMPLE"}}}',
      says: /bucket of context "x" looks like a secret/,
    },
  ])('$name is refused, without its values', async ({ text, says }) => {
    put(text);
    const { code, stderr } = await run(['db', 'list']);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(says) });
    expect(stderr).not.toMatch(/hush|AKIA/);
  });

  test('is not asked for by a command that names its deployment', async () => {
    put('{');
    expect((await run(['db', 'list', '--deployment', 'local'])).code).toBe(0);
  });

  test('that names a context which is gone can be put right', async () => {
    put('{"current":"gone","contexts":{}}');
    expect((await run(['db', 'list'])).stderr).toContain('try:   javumbo config use local');
    await run(['config', 'use', 'local']);
    expect((await run(['db', 'list'])).code).toBe(0);
  });
});
