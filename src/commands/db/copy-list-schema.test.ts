import { beforeAll, describe, expect, test } from 'vitest';
import { freshMachine, type Json, runCommand } from '../../testing/run-command.ts';

const env = freshMachine();
const run = (...argv: string[]) => runCommand(argv, { env });
const json = async (...argv: string[]): Promise<Json> => (await run(...argv, '--json')).json();

beforeAll(async () => {
  for (const username of ['bob', 'al', 'al-b', 'alice']) await run('db', 'create', username);
  await run('db', 'exec', 'al', 'CREATE TABLE big AS SELECT randomblob(50000) AS b');
  await run('db', 'add-note', 'bob', '--field', 'a', '--field', 'b');
});

describe('db list', () => {
  const names = async (...argv: string[]): Promise<{ names: string[]; next: string | null }> => {
    const { databases, next } = await json('db', 'list', ...argv);
    return { names: databases.map(({ username }: Json) => username), next };
  };

  test.each<{ argv: string[]; names: string[]; next?: string }>([
    { argv: [], names: ['al-b', 'al', 'alice', 'bob'] },
    { argv: ['--prefix', 'al-'], names: ['al-b'] },
    { argv: ['--limit', '3'], names: ['al-b', 'al', 'alice'], next: 'alice' },
    { argv: ['--limit', '3', '--after', 'alice'], names: ['bob'] },
    { argv: ['--limit', '2', '--after', 'al-a'], names: ['al-b', 'al'], next: 'al' },
    { argv: ['--limit', '4'], names: ['al-b', 'al', 'alice', 'bob'] },
    { argv: ['--sort', 'size', '--limit', '1'], names: ['al'], next: 'al' },
    { argv: ['--sort', 'modified', '--limit', '2'], names: ['bob', 'al'], next: 'al' },
    { argv: ['--sort', 'modified', '--after', 'al'], names: ['alice', 'al-b'] },
    { argv: ['--after', 'zed'], names: [] },
  ])('$argv', async ({ argv, names: expected, next = null }) => {
    expect(await names(...argv)).toEqual({ names: expected, next });
  });

  test('goes on from a user that is not in it only where the place is known', async () => {
    expect((await run('db', 'list', '--sort', 'size', '--after', 'nobody')).code).toBe(3);
  });
});

describe('db copy', () => {
  test('stores the same content for another user, with one PUT', async () => {
    const { from, account, outcome, requests } = await json('db', 'copy', 'bob', 'copy');
    const [source, copy] = [await json('db', 'info', 'bob'), await json('db', 'info', 'copy')];
    expect({ from, account, outcome, puts: requests.put }).toEqual({
      from: { username: 'bob', version: source.version },
      account: 'not copied',
      outcome: 'committed',
      puts: 1,
    });
    expect(copy.tables).toEqual(source.tables);
    await run('db', 'delete', 'copy', '--yes');
  });

  test.each<{ name: string; argv: string[]; code: number }>([
    { name: 'over nothing but what --force allows', argv: ['bob', 'alice'], code: 4 },
    { name: 'not without a question', argv: ['bob', 'alice', '--force'], code: 2 },
    { name: 'not of a user without a database', argv: ['nobody', 'copy'], code: 3 },
    { name: 'not onto itself', argv: ['bob', 'bob'], code: 2 },
  ])('$name', async ({ argv, code }) => {
    const before = await json('db', 'info', 'alice');
    expect((await run('db', 'copy', ...argv)).code).toBe(code);
    expect(await json('db', 'info', 'alice')).toEqual(before);
  });

  test('replaces with --force, and what it replaced can be had back', async () => {
    await run('db', 'copy', 'bob', 'alice', '--force', '--yes');
    expect((await json('db', 'info', 'alice')).tables.notes).toBe(1);
    const [, before] = (await json('db', 'history', 'alice')).points;
    expect((await json('db', 'copy', 'alice', 'then', '--at', before.id)).outcome).toBe('committed');
    expect((await json('db', 'info', 'then')).tables.notes).toBe(0);
  });
});

describe('db schema', () => {
  test('is a script that makes the same again', async () => {
    const { stdout } = await run('db', 'schema', 'bob');
    expect(stdout).toContain('CREATE TABLE notes (');
    expect(stdout).toContain('CREATE INDEX ix_notes_usn ON notes (usn);');
  });

  test('of one table has what belongs to it', async () => {
    const { objects } = await json('db', 'schema', 'bob', 'NOTES');
    expect(objects.map(({ type, table }: Json) => `${type} of ${table}`)).toEqual([
      'table of notes',
      'index of notes',
      'index of notes',
    ]);
  });

  test('of a table that is not there names what is', async () => {
    const { code, stderr } = await run('db', 'schema', 'bob', 'note');
    expect({ code, hint: /try: {3}(.*)/.exec(stderr)?.[1] }).toEqual({ code: 3, hint: 'javumbo db schema bob notes' });
  });
});
