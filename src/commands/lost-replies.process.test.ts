/** What an operator is told when the network eats replies: the truth, in each of the endings that there are. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCommand } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';

let server: S3Server;

beforeEach(async () => {
  server = await startS3Server({ buckets: ['b'] });
  expect((await javumbo('db', 'create', 'alice')).code).toBe(0);
  expect((await javumbo('db', 'exec', 'alice', 'CREATE TABLE t (x)')).code).toBe(0);
  server.resetCounts();
});

afterEach(() => server.close());

function javumbo(...argv: string[]) {
  return runCommand([...argv, '--bucket', 'b', '--endpoint-url', server.endpoint, '--json', '--timeout', '400ms'], {
    env: { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' },
  });
}

async function rows(): Promise<number> {
  const { stdout } = await javumbo('db', 'query', 'alice', 'SELECT count(*) AS n FROM t');
  return (JSON.parse(stdout) as { rows: { n: number }[] }).rows[0]?.n ?? -1;
}

const INSERT = ['db', 'exec', 'alice', 'INSERT INTO t VALUES (1)'];

describe('a reply that was lost after the commit', () => {
  for (const fault of ['reset-after', 'error-after', 'hang-after'] as const) {
    test(`${fault}: db exec is committed, once`, async () => {
      const injected = server.inject({ fault, operation: 'PutObject' });
      const { code, stdout } = await javumbo(...INSERT);
      expect({ code, fired: injected.fired }).toEqual({ code: 0, fired: 1 });
      expect(JSON.parse(stdout)).toMatchObject({ outcome: 'committed', attempts: 1, requests: { put: 1, head: 1 } });
      expect(await rows()).toBe(1);
    });

    test(`${fault}: db create is committed, once`, async () => {
      const injected = server.inject({ fault, operation: 'PutObject' });
      const { code, stdout } = await javumbo('db', 'create', 'bob');
      expect({ code, fired: injected.fired }).toEqual({ code: 0, fired: 1 });
      expect(JSON.parse(stdout)).toMatchObject({ outcome: 'committed', attempts: 1, requests: { put: 1, head: 1 } });
    });
  }
});

describe('a request that was lost before it arrived', () => {
  for (const fault of ['reset-before', 'hang-before'] as const) {
    test(`${fault}: is sent again, and committed once`, async () => {
      server.inject({ fault, operation: 'PutObject' });
      const { code, stdout } = await javumbo(...INSERT);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ outcome: 'committed', attempts: 1, requests: { put: 2, head: 1 } });
      expect(await rows()).toBe(1);
    });
  }
});

describe('--verbose', () => {
  test('tells each request and each retry on stderr: which attempt, after how long, and why', async () => {
    const injected = server.inject({ fault: 'refuse-before', operation: 'PutObject', times: 2, status: 503 });
    const { code, stderr } = await javumbo(...INSERT, '--verbose');
    expect({ code, fired: injected.fired }).toEqual({ code: 0, fired: 2 });
    const told = stderr.split('\n').filter((line) => line.startsWith('attempt '));
    expect(told).toEqual([
      expect.stringMatching(/^attempt 2 of 5 in [\d.]+ ms: put database "alice": .*SlowDown/),
      expect.stringMatching(/^attempt 3 of 5 in [\d.]+ ms: put database "alice": .*SlowDown/),
    ]);
    const requests = stderr.split('\n').filter((line) => /^[A-Z]+ user_dbs\//.test(line));
    expect(requests.filter((line) => line.startsWith('PUT '))).toEqual([
      expect.stringMatching(/^PUT user_dbs\/alice\.anki2 {2}[\d.]+ ms {2}unavailable$/),
      expect.stringMatching(/^PUT user_dbs\/alice\.anki2 {2}[\d.]+ ms {2}unavailable {2}attempt 2$/),
      expect.stringMatching(/^PUT user_dbs\/alice\.anki2 {2}[\d.]+ ms {2}committed {2}attempt 3$/),
    ]);
  });

  test('is needed for that', async () => {
    server.inject({ fault: 'refuse-before', operation: 'PutObject', status: 503 });
    expect(await javumbo(...INSERT)).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('a write whose fate cannot be settled', () => {
  const endings = [
    { name: 'it had landed', fault: 'reset-after', landed: 1 },
    { name: 'it had not', fault: 'reset-before', landed: 0 },
  ] as const;
  for (const { name, fault, landed } of endings) {
    test(`is unknown, exit 6, and says what to run next: ${name}`, async () => {
      const lost = server.inject({ fault, operation: 'PutObject', times: 100 });
      const blind = server.inject({ fault: 'refuse-before', operation: 'HeadObject', times: 100, status: 503 });
      const { code, stdout, stderr } = await javumbo(...INSERT);
      expect({ code, stdout }).toEqual({ code: 6, stdout: '' });
      expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
        error: { kind: 'unknown', username: 'alice', try: 'javumbo db info alice' },
      });
      lost.remove();
      blind.remove();
      expect(await rows()).toBe(landed);
    });
  }
});

test('a store that always answers 409 is unavailable: nothing was written', async () => {
  server.inject({ fault: 'conflict-409', operation: 'PutObject', times: 100 });
  const { code, stderr } = await javumbo(...INSERT);
  expect(code).toBe(5);
  expect(stderr).toContain('"unavailable"');
});

test('a conflict names the user and both versions, for one HEAD more', async () => {
  const before = await javumbo('db', 'info', 'alice');
  const { version: base } = JSON.parse(before.stdout) as { version: string };
  const meanwhile = async (): Promise<void> => {
    server.beforeWork = undefined;
    expect((await javumbo(...INSERT)).code).toBe(0);
  };
  server.resetCounts();
  server.beforeWork = ({ operation }) => (operation === 'PutObject' ? meanwhile() : undefined);
  const { code, stderr } = await javumbo('db', 'exec', 'alice', 'INSERT INTO t VALUES (2)', '--retries', '0');
  expect(code).toBe(4);
  const { error } = JSON.parse(stderr.trim().split('\n').at(-1) ?? '') as { error: Record<string, string> };
  const now = JSON.parse((await javumbo('db', 'info', 'alice')).stdout) as { version: string };
  expect(error).toMatchObject({
    kind: 'conflict',
    username: 'alice',
    expectedVersion: base,
    actualVersion: now.version,
  });
  expect(error.message).toContain(base);
  expect(error.message).toContain(now.version);
});
