/** Several processes on one local deployment: the only error is `conflict`, and nothing is lost. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';

let directory: string;
let environment: Record<string, string>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-processes-'));
  environment = {
    HOME: directory,
    JAVUMBO_HOME: join(directory, 'home'),
    JAVUMBO_CACHE_DIR: join(directory, 'cache'),
  };
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function javumbo(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await runScript(SCRIPTS.javumbo, [...argv, '--quiet'], environment);
  expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
  return stdout;
}

/** Runs that many inserts of distinct values as one process, and returns the exit code of each. */
async function inserts(
  username: string,
  first: number,
  count: number,
  retries: number,
): Promise<{ value: number; code: number }[]> {
  const values = Array.from({ length: count }, (_, index) => first + index);
  const commands = values.map((value) => [
    'db',
    'exec',
    username,
    'INSERT INTO t VALUES (?)',
    String(value),
    '--retries',
    String(retries),
    '--quiet',
  ]);
  const { stdout, code } = await runScript(SCRIPTS.commandLoop, [JSON.stringify(commands)], environment);
  expect(code).toBe(0);
  const codes = JSON.parse(stdout) as number[];
  return values.map((value, index) => ({ value, code: codes[index] ?? -1 }));
}

async function stored(username: string): Promise<number[]> {
  const rows = await javumbo('db', 'query', username, 'SELECT x FROM t ORDER BY x');
  return rows.split('\n').filter(Boolean).map(Number);
}

async function createWithTable(...usernames: string[]): Promise<void> {
  for (const username of usernames) {
    await javumbo('db', 'create', username);
    await javumbo('db', 'exec', username, 'CREATE TABLE t (x INTEGER)');
  }
}

const EACH = 25;

test('two processes that write different users at once never meet', async () => {
  await createWithTable('alice', 'bob');
  const results = await Promise.all([inserts('alice', 0, EACH, 0), inserts('bob', 1000, EACH, 0)]);
  expect(results.flat().filter(({ code }) => code !== 0)).toEqual([]);
  expect(await stored('alice')).toHaveLength(EACH);
  expect(await stored('bob')).toHaveLength(EACH);
});

test('four processes that write one user at once without retries get 0 or conflict, and every 0 is stored', async () => {
  await createWithTable('alice');
  const results = (await Promise.all([0, 1000, 2000, 3000].map((first) => inserts('alice', first, EACH, 0)))).flat();
  expect(results.filter(({ code }) => code !== 0 && code !== 4)).toEqual([]);
  const acknowledged = results.filter(({ code }) => code === 0).map(({ value }) => value);
  expect(await stored('alice')).toEqual(acknowledged.sort((a, b) => a - b));
  expect(acknowledged.length).toBeGreaterThan(0);
});

test('four processes that write one user at once with retries all get through', async () => {
  await createWithTable('alice');
  const results = (await Promise.all([0, 1000, 2000, 3000].map((first) => inserts('alice', first, EACH, 100)))).flat();
  expect(results.filter(({ code }) => code !== 0)).toEqual([]);
  expect(await stored('alice')).toHaveLength(4 * EACH);
});

test('eight processes that create one user at once: one succeeds, seven are told that it exists', async () => {
  const results = await Promise.all(
    Array.from({ length: 8 }, () => runScript(SCRIPTS.javumbo, ['db', 'create', 'alice', '--quiet'], environment)),
  );
  expect(results.map(({ code }) => code).sort()).toEqual([0, 4, 4, 4, 4, 4, 4, 4]);
  await javumbo('db', 'check', 'alice');
});
