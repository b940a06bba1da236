import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { beforeEach, describe, expect, test } from 'vitest';
import { addsToPrevious } from '../../cli/arguments.ts';
import { processContext } from '../../core/context.ts';
import { freshMachine, runCommand } from '../../testing/run-command.ts';
import { buildProgram } from '../main.ts';

let env: ReturnType<typeof freshMachine>;

beforeEach(() => {
  env = freshMachine();
});

/** What the last word may become, without descriptions. Nothing is ever said on stderr. */
async function candidates(words: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const argv = ['completion', 'candidates', '--', ...words];
  const { code, stdout, stderr } = await runCommand(argv, { env: { ...env, ...more } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => (line.startsWith(':') ? line : (line.split('\t')[0] ?? '')));
}

/** Makes databases of the local deployment, as far as candidates look. */
async function createDatabases(...usernames: string[]): Promise<void> {
  for (const username of usernames) {
    expect((await runCommand(['db', 'create', username, '--quiet'], { env })).code).toBe(0);
  }
}

describe('candidates for', () => {
  test.each<{ words: string[]; found: string[] }>([
    { words: ['d'], found: ['db', 'deployment', 'doctor'] },
    { words: ['db', 'p'], found: ['pull', 'push', 'purge'] },
    { words: ['--quiet', 'db', 'pul'], found: ['pull'] },
    { words: ['--bucket', 'db', 'db', 'pul'], found: ['pull'] },
    { words: ['help', 'd'], found: ['db', 'deployment', 'doctor'] },
    { words: ['db', 'help', 'de'], found: ['delete'] },
    { words: ['db', 'help', 'delete', ''], found: [] },
    { words: ['completion', ''], found: ['bash', 'zsh', 'fish'] },
    { words: ['db', 'query', 'alice', 'SELECT 1', ''], found: [] },
    { words: ['db', 'list', ''], found: [] },
    { words: ['function', 'invoke', 're'], found: ['read'] },
    { words: ['db', 'push', 'alice', 'any'], found: [':files\t'] },
    { words: ['bench', 'compare', 'a.json', ''], found: [':files\t'] },
    { words: ['user', 'import', '/e'], found: [':files\t'] },
    { words: ['db', 'exec', 'alice', '--fi'], found: ['--file'] },
    { words: ['db', 'exec', 'alice', '--file', ''], found: [':files\t'] },
    { words: ['db', 'pull', '--out=a'], found: [':files\t--out='] },
    { words: ['--terraform', ''], found: [':directories\t'] },
    { words: ['user', 'import', '--with-databases=a'], found: [':directories\t--with-databases='] },
    { words: ['bench', 'latency', '--report', ''], found: [] },
    { words: ['bench', 'latency', '--report', 'json=a'], found: [':files\tjson='] },
    { words: ['bench', 'latency', '--report=json=a'], found: [':files\t--report=json='] },
    { words: ['bench', 'latency', '--via', ''], found: ['process', 'function'] },
    { words: ['bench', 'latency', '--via=f'], found: ['--via=function'] },
    { words: ['--deployment', ''], found: ['local', 'aws'] },
    { words: ['db', 'query', '--deployment=l'], found: ['--deployment=local'] },
    { words: ['--bucket', ''], found: [] },
    { words: ['--json=a'], found: [] },
    { words: ['-'], found: expect.arrayContaining(['--bucket', '--help', '-h', '--version', '-V']) },
    { words: ['--v'], found: ['--version', '--verbose'] },
    { words: ['db', 'query', '--v'], found: ['--verbose'] },
    { words: ['db', 'push', '--fo'], found: ['--force'] },
    { words: ['db', 'push', '--force', '--fo'], found: [] },
    { words: ['--if-version', 'x', '--if'], found: [] },
    { words: ['db', 'push', '--if-version', '--force', '--fo'], found: ['--force'] },
    { words: ['db', 'push', '--if-version=1', '--if'], found: [] },
    { words: ['--json', 'db', 'push', '--js'], found: [] },
    { words: ['db', 'add-note', 'alice', '--field', 'a', '--fi'], found: ['--field'] },
    { words: ['verify', 'day1', '--only', '1.1', '--on'], found: ['--only'] },
    { words: ['bench', 'latency', '--keep', '--k'], found: [] },
    { words: ['db', 'push', '--', '--fo'], found: [] },
    { words: ['db', 'push', '--', 'alice', ''], found: [':files\t'] },
    { words: ['nothing', ''], found: [] },
    { words: ['db', 'nothing', ''], found: [] },
    { words: ['completion', 'candidates', ''], found: [] },
    { words: ['db', '"'], found: [] },
    { words: ["'$(exit 1)`\\\n\t\u0000é*", ''], found: [] },
    { words: ['--nothing', 'db', 'pul'], found: ['pull'] },
    { words: ['-', ''], found: [] },
    { words: [':'], found: [] },
  ])('$words are $found', async ({ words, found }) => {
    expect(await candidates(words)).toEqual(found);
    expect(readdirSync(env.HOME)).toEqual([]);
  });

  test('no word at all, and an empty one, are the nouns, which an invalid setting does not change', async () => {
    const nouns = (await buildProgram(processContext(), async () => {})).commands.map((noun) => noun.name());
    for (const words of [[], ['']]) {
      expect(await candidates(words, { S3_BUCKET: '', JAVUMBO_SQLITE_ENGINE: 'none' })).toEqual([...nouns, 'help']);
    }
  });

  test('each command and option come with what they do', async () => {
    const { stdout } = await runCommand(['completion', 'candidates', '--', 'db', 'push', '--fo']);
    expect(stdout).toBe('--force\treplace whatever version is there\n');
    const lines = (await runCommand(['completion', 'candidates', '--', 'verify', ''])).stdout.split('\n').slice(0, -1);
    expect(lines.filter((line) => !/^[a-z0-9-]+\t[^\t]+$/.test(line))).toEqual([]);
  });

  test('an option that help calls repeatable is offered again, and no other', async () => {
    const leaves = (command: Command): Command[] => [command, ...command.commands.flatMap(leaves)];
    const options = leaves(await buildProgram(processContext(), async () => {})).flatMap((command) => command.options);
    const repeatable = options.filter(({ description }) => /\(repeat/.test(description));
    const offered = options.filter(({ parseArg }) => addsToPrevious(parseArg));
    expect(repeatable.filter((option) => !offered.includes(option))).toEqual([]);
    expect(new Set(offered.map(({ long }) => long))).toEqual(
      new Set(['--field', '--tag', '--metric', '--report', '--threshold', '--only', '--faults']),
    );
  });
});

describe('usernames', () => {
  test('are those who have or had a database on the local deployment', async () => {
    await createDatabases('alice', 'alina', 'amy', 'a@b.example', 'bob');
    expect((await runCommand(['db', 'purge', 'alina', '--yes', '--quiet'], { env })).code).toBe(0);
    expect((await runCommand(['db', 'delete', 'amy', '--yes', '--quiet'], { env })).code).toBe(0);
    expect(await candidates(['db', 'restore', 'a'])).toEqual(['a@b.example', 'alice', 'amy']);
    expect(await candidates(['db', 'query', '--', 'b'])).toEqual(['bob']);
    expect(await candidates(['user', 'get', ''])).toEqual(['a@b.example', 'alice', 'amy', 'bob']);
    expect(await candidates(['user', 'list', '--after=al'])).toEqual(['--after=alice']);
    expect(await candidates(['function', 'invoke', 'read', 'b'])).toEqual(['bob']);
    expect(await candidates(['db', 'query', 'alice', 'b'])).toEqual([]);
  });

  test.each<{ why: string; words: string[]; more?: NodeJS.ProcessEnv; found: string[] }>([
    { why: 'a bucket in the environment', words: [], more: { S3_BUCKET: 'b' }, found: [] },
    { why: 'a bucket', words: ['--bucket', 'b'], found: [] },
    { why: 'a bucket behind an equals sign', words: ['--bucket=b'], found: [] },
    { why: 'Terraform', words: ['--terraform', '.'], found: [] },
    { why: 'an unknown deployment', words: ['--deployment', 'gcp'], found: [] },
    { why: 'an invalid setting', words: [], more: { S3_BUCKET: '' }, found: [] },
    { why: 'the local deployment, asked for', words: ['--deployment=local'], more: { S3_BUCKET: 'b' }, found: ['bob'] },
  ])('with $why are $found', async ({ words, more, found }) => {
    await createDatabases('bob');
    expect(await candidates([...words, 'db', 'info', ''], more)).toEqual(found);
    expect(await candidates(['db', 'info', ...words, ''], more)).toEqual(found);
  });

  test('are at most 1,000, and nothing is written', async () => {
    const folder = join(env.JAVUMBO_HOME, 'databases');
    for (let user = 0; user < 1100; user += 1) mkdirSync(join(folder, `user${user + 1000}`), { recursive: true });
    mkdirSync(join(folder, 'not a username'));
    const found = await candidates(['db', 'info', '']);
    expect({ count: found.length, first: found[0] }).toEqual({ count: 1000, first: 'user1000' });
    expect(await candidates(['db', 'info', 'user209'])).toHaveLength(10);
    expect(readdirSync(env.JAVUMBO_HOME)).toEqual(['databases']);
  });

  test('are none where the home is no directory', async () => {
    writeFileSync(env.JAVUMBO_HOME, '');
    expect(await candidates(['db', 'info', ''])).toEqual([]);
  });
});

describe('the script', () => {
  test.each(['bash', 'zsh', 'fish'])('of %s is printed whatever the settings say, and opens nothing', async (shell) => {
    const { code, stdout, stderr } = await runCommand(['completion', shell], { env: { ...env, S3_BUCKET: '' } });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/\bcompletion candidates -- .* 2>\/dev\/null <\/dev\/null\)/);
    expect(stdout).toMatch(/\n(complete|compdef) .*javumbo.*\n$/);
    expect(readdirSync(env.HOME)).toEqual([]);
  });

  test('is a field of the document', async () => {
    const { stdout } = await runCommand(['completion', 'bash']);
    const document = (await runCommand(['completion', 'bash', '--json'])).json();
    expect(document).toEqual({ shell: 'bash', script: stdout });
  });

  test.each([
    { argv: ['tcsh'], error: /^error: shell is one of bash, zsh, fish, not "tcsh"/ },
    { argv: [], error: /^error: missing required argument 'shell'/ },
    { argv: ['bash', 'zsh'], error: /^error: too many arguments/ },
  ])('of $argv is refused', async ({ argv, error }) => {
    const { code, stdout, stderr } = await runCommand(['completion', ...argv]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(error);
    expect(stderr).toMatch(/\ntry: {3}javumbo completion --help\n$/);
  });

  test('is installed by a line that help shows', async () => {
    const { stdout } = await runCommand(['completion', '--help']);
    expect(stdout).toContain('eval "$(javumbo completion bash)"');
    expect(stdout).toContain('eval "$(javumbo completion zsh)"');
    expect(stdout).toContain('~/.config/fish/completions/javumbo.fish');
    expect(stdout).not.toContain('candidates');
  });
});
