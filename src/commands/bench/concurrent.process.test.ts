/** Test 4.2 end to end, with the worker processes that `npm test` has built. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Report } from '../../report/document.ts';
import { asReport } from '../../testing/report-schema.ts';
import { type CommandResult, runCommand } from '../../testing/run-command.ts';
import { type S3Server, startS3Server } from '../../testing/s3-server/server.ts';

let directory: string;
let server: S3Server;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-days-'));
  server = await startS3Server({ buckets: ['b'] });
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

const PLACES = ['local', 's3'] as const;

function environment(place: (typeof PLACES)[number]): Record<string, string> {
  const local = {
    HOME: directory,
    JAVUMBO_HOME: join(directory, 'home'),
    JAVUMBO_CACHE_DIR: join(directory, 'cache'),
  };
  if (place === 'local') return local;
  return {
    ...local,
    S3_BUCKET: 'b',
    AWS_ENDPOINT_URL_S3: server.endpoint,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
  };
}

const run = (place: (typeof PLACES)[number], ...argv: string[]): Promise<CommandResult> =>
  runCommand([...argv, '--json', '--quiet'], { env: environment(place) });

async function report(
  place: (typeof PLACES)[number],
  ...argv: string[]
): Promise<{ code: number | null; report: Report }> {
  const { code, json } = await run(place, ...argv);
  return { code, report: asReport(json()) };
}

async function databasesLeft(place: (typeof PLACES)[number]): Promise<unknown> {
  return (await run(place, 'db', 'list')).json().databases;
}

describe.each(PLACES)('on %s', (place) => {
  test('bench concurrent with retries: every change of every process is committed', async () => {
    const { code, report: race } = await report(
      place,
      'bench',
      'concurrent',
      '--workers',
      '3',
      '--requests',
      '5',
      '--rtt',
      '2ms',
    );
    expect({ code, failureReasons: race.failureReasons }).toEqual({ code: 0, failureReasons: [] });
    expect(race.derived).toMatchObject({
      committed: 15,
      conflicts: 0,
      unknown: 0,
      other: 0,
      lost: 0,
      unexpected: 0,
      notesAtEnd: 20,
    });
    expect(race.workers).toHaveLength(15);
    expect(race.workers?.map(({ noteId }) => noteId).sort()).toEqual(
      Array.from({ length: 15 }, (_, index) => 1000 + index),
    );
    expect(await databasesLeft(place)).toEqual([]);
  });

  test('bench concurrent without retries: each loser is a conflict after one attempt', async () => {
    const { code, report: race } = await report(
      place,
      'bench',
      'concurrent',
      '--workers',
      '3',
      '--retries',
      '0',
      '--rtt',
      '50ms',
    );
    expect(code).toBe(0);
    const { committed = 0, conflicts = 0 } = race.derived;
    expect(committed).toBeGreaterThanOrEqual(1);
    expect(committed + conflicts).toBe(3);
    expect(race.derived.notesAtEnd).toBe(5 + committed);
    expect(race.workers?.every(({ attempts }) => attempts === 1)).toBe(true);
  });
});

describe('leases on the local deployment', () => {
  test('let each change of each process run once: as many PUTs as changes', async () => {
    const { code, report: race } = await report(
      'local',
      'bench',
      'concurrent',
      '--workers',
      '3',
      '--requests',
      '3',
      '--rtt',
      '2ms',
      '--lease',
    );
    expect({ code, failureReasons: race.failureReasons }).toEqual({ code: 0, failureReasons: [] });
    expect(race.derived).toMatchObject({ committed: 9, attempts: 9, wastedAttempts: 0, lost: 0 });
    expect(race.requests.put).toBe(9);
    // Each change takes a lease and releases it; waiting for one asks again.
    expect(race.requests.dynamo?.write).toBeGreaterThanOrEqual(18);
    expect(race.cost?.usdPerMillion.dynamo).toBeCloseTo(((race.requests.dynamo?.write ?? 0) * 0.625) / 9, 9);
  });

  test('that expire under a slow holder cost work and lose nothing', async () => {
    // Each round trip alone is longer than the lease: every holder is overtaken, and the conditional write decides.
    const { code, report: race } = await report(
      'local',
      'bench',
      'concurrent',
      '--workers',
      '3',
      '--requests',
      '3',
      '--rtt',
      '60ms',
      '--lease',
      '--lease-ttl',
      '1ms',
    );
    expect({ code, failureReasons: race.failureReasons }).toEqual({ code: 0, failureReasons: [] });
    expect(race.derived).toMatchObject({ committed: 9, lost: 0, unexpected: 0, notesAtEnd: 14 });
  });

  test('queue db exec as well', async () => {
    await run('local', 'db', 'create', 'alice');
    const exec = ['db', 'exec', 'alice', 'PRAGMA user_version = 7', '--lease', '--lease-ttl', '2s'];
    const { code, json } = await run('local', ...exec);
    expect(code).toBe(0);
    expect(json()).toMatchObject({ outcome: 'committed', attempts: 1, requests: { get: 1, put: 1 } });
  });

  test('are refused as usage where there is no lock table, before anything is stored', async () => {
    for (const argv of [
      ['db', 'exec', 'alice', 'SELECT 1', '--lease'],
      ['bench', 'concurrent', '--lease'],
    ]) {
      const { code, stderr } = await runCommand([...argv, '--quiet'], { env: environment('s3') });
      expect({ argv, code }).toEqual({ argv, code: 2 });
      expect(stderr).toMatch(/^error: S3 is at .*, and nothing says where the DynamoDB tables .*\ntry: {3}/);
    }
    expect(await databasesLeft('s3')).toEqual([]);
  });
});

test('a store that ignores conditions is seen by bench concurrent as data loss', async () => {
  await server.close();
  server = await startS3Server({ buckets: ['b'], ignoreConditions: true });
  const { code, report: race } = await report('s3', 'bench', 'concurrent', '--workers', '3', '--rtt', '50ms');
  expect(code).toBe(7);
  expect(race.failureReasons.join(' ')).toContain('DATA LOSS');
  expect(race.derived.lost).toBeGreaterThan(0);
});

test('workers that cannot reach the store are counted as other, with the reason', async () => {
  // The setup and the reading back go through; the first write of each worker is refused for good.
  server.inject({
    fault: 'refuse-before',
    operation: 'PutObject',
    after: 1,
    times: 1_000,
    status: 403,
    code: 'AccessDenied',
  });
  const { code, report: race } = await report('s3', 'bench', 'concurrent', '--workers', '2', '--rtt', '0');
  expect(code).toBe(7);
  expect(race.derived).toMatchObject({ committed: 0, other: 2 });
  expect(race.failureReasons.join(' ')).toContain('AccessDenied');
});
