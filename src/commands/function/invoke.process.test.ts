/** `function describe` and `function invoke`, with the containers that `npm test` has built. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { ACCOUNT_DEPLOYMENTS, type CommandDeployment, runOn } from '../../testing/command-deployments.ts';
import type { Json } from '../../testing/run-command.ts';
import { invokeView } from './invoke.ts';

let deployment: CommandDeployment;

describe.each(ACCOUNT_DEPLOYMENTS)('on $name', ({ open }) => {
  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  const invoke = async (...argv: string[]): Promise<Json> => {
    const result = await runOn(deployment, ['function', 'invoke', ...argv, '--json']);
    if (result.code !== 0) throw new Error(`${argv.join(' ')} ended with ${result.code}: ${result.stderr}`);
    return result.json();
  };

  test('describe tells what a local function is, and nothing of the environment', async () => {
    const { stdout, code } = await runOn(deployment, ['function', 'describe', '--json'], { SECRET_KEY: 'hunter2' });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      name: 'local',
      kind: 'local',
      runtime: `node ${process.version}`,
      architecture: process.arch,
      memoryMb: 512,
      timeoutSeconds: 30,
      temporaryStorageMb: 2048,
      state: 'Active',
      environment: [],
    });
  });

  test('ping is answered by a cold container', async () => {
    expect(await invoke('ping')).toMatchObject({
      service: 'javumbo',
      operation: 'ping',
      result: { node: process.version, sqlite: 'better-sqlite3' },
      container: { warm: false, invocations: 1, id: expect.stringMatching(/^[0-9a-f]{16}$/) },
      requests: { get: 0, put: 0 },
    });
  });

  test('write adds a note that read and db query find, with one GET and one PUT', async () => {
    await deployment.json('db', 'create', 'alice');
    const written = await invoke('write', 'alice', '--field', 'der Hund', '--field', 'the dog', '--tag', 'animals');
    expect(written).toMatchObject({
      result: { outcome: 'committed', attempts: 1, noteId: expect.any(Number) },
      requests: { get: 1, put: 1, head: 0 },
    });
    const { noteId, guid, version } = written.result;
    const fields = ['der Hund', 'the dog'];
    for (const argv of [
      ['--note', String(noteId)],
      ['--guid', guid],
    ]) {
      expect((await invoke('read', 'alice', ...argv)).result).toEqual({
        version,
        sizeBytes: expect.any(Number),
        fromCache: false,
        tables: { cards: 1, col: 1, graves: 0, notes: 1, revlog: 0 },
        note: { noteId, guid, fields, tags: ['animals'] },
      });
    }
    expect((await invoke('read', 'alice', '--note', '1')).result.note).toBeNull();
    const rows = await deployment.json('db', 'query', 'alice', 'SELECT flds FROM notes WHERE id = ?', String(noteId));
    expect(rows).toEqual({ columns: ['flds'], rows: [{ flds: fields.join('\u001f') }] });
  });

  test('selfcheck passes, and leaves no test data', async () => {
    const { result } = await invoke('selfcheck');
    expect(result.passed).toBe(true);
    expect(result.checks.map(({ name }: { name: string }) => name)).toEqual([
      'S3 put_object',
      'S3 get_object',
      'S3 delete_object',
      'DynamoDB put_item',
      'DynamoDB get_item',
      'DynamoDB delete_item',
    ]);
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
    expect(await deployment.json('user', 'list')).toEqual({ users: [], next: null });
  });

  test.each([
    { argv: ['cache-stats'], result: { entryCount: 0, workingCopyCount: 0, sizeBytes: 0, oldestAgeSeconds: null } },
    { argv: ['cleanup', '--everything'], result: { deletedCount: 0, deletedBytes: 0 } },
  ])('$argv answers $result', async ({ argv, result }) => {
    expect((await invoke(...argv)).result).toMatchObject(result);
  });

  test.each([
    { argv: ['read', 'nobody'], code: 3, says: /^function "local": user "nobody" has no database$/ },
    { argv: ['write', 'nobody', '--field', 'x'], code: 3, says: /user "nobody" has no database/ },
    { argv: ['read'], code: 2, says: /^read needs a username$/ },
    { argv: ['ping', 'alice'], code: 2, says: /^ping takes no username$/ },
    { argv: ['write', 'alice'], code: 2, says: /^write needs a note$/ },
    { argv: ['read', '../alice'], code: 2, says: /username/ },
    { argv: ['cleanup', '--field', 'x'], code: 2, says: /^cleanup takes no --field$/ },
    { argv: ['read', 'alice', '--everything'], code: 2, says: /^read takes no --everything$/ },
    { argv: ['drop'], code: 2, says: /one of ping, selfcheck, read, write/ },
  ])('$argv ends with $code: $says', async ({ argv, code, says }) => {
    const result = await runOn(deployment, ['function', 'invoke', ...argv, '--json']);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
    expect(result.failure()).toMatchObject({ message: expect.stringMatching(says), try: expect.any(String) });
  });

  test('nothing of a container is left when the command has ended', async () => {
    await invoke('selfcheck');
    const cache = deployment.env.JAVUMBO_CACHE_DIR ?? '';
    const works = readdirSync(cache).map((name) => join(cache, name, 'work'));
    expect(works.flatMap((work) => readdirSync(work))).toEqual([]);
  });

  test('a container says how long it took to be ready, which is less than the command did', async () => {
    await deployment.json('db', 'create', 'alice');
    const startedAt = systemClock.monotonic();
    const { container } = (await runOn(deployment, ['function', 'invoke', 'read', 'alice', '--json'])).json();
    expect(container.initMs).toBeGreaterThan(0);
    expect(container.initMs).toBeLessThan(systemClock.monotonic() - startedAt);
  });

  test('people see what was done, by which container, and how long it took', async () => {
    await deployment.json('db', 'create', 'alice');
    const { stdout } = await runOn(deployment, ['function', 'invoke', 'write', 'alice', '--field', 'a\u001b[31m']);
    for (const line of [
      /^committed: note \d+ \(guid .+\)$/m,
      /^container [0-9a-f]{16}, cold, ready after [\d.]+ ms; call 1$/m,
      /^[\d.]+ ms: download [\d.]+ ms, query [\d.]+ ms, upload [\d.]+ ms$/m,
      /1 GET, 1 PUT$/m,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).not.toContain('\u001b');
  });
});

test('the lines about a call are painted one by one', async () => {
  // As chalk does with all that it is given.
  const joined = (...texts: unknown[]): string => `<${texts.join(' ')}>`;
  const paint = { good: joined, bad: joined, warn: joined, strong: joined, faint: joined, times: joined };
  const answer = {
    service: 'javumbo',
    version: '1.2.3',
    operation: 'cleanup',
    result: { deletedCount: 1, deletedBytes: 1000 },
    container: { id: 'c', warm: true, invocations: 2, initMs: 1 },
    timings: { totalMs: 1, cleanupMs: 1 },
    requests: { get: 0, put: 0, head: 0, delete: 0, list: 0, bytesUp: 0, bytesDown: 0 },
    tableRequests: { read: 0, write: 0 },
  } as const;
  expect(invokeView.text?.(answer, paint)?.split('\n')).toEqual([
    '1 removed, 1.0 kB',
    '<container c, warm; call 2>',
    '<1.00 ms>',
    '<clean-up 1.00 ms; no request to the store>',
  ]);
});
