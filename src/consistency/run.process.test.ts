import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { resolveConfig } from '../config/config.ts';
import { CleanUps } from '../core/clean-ups.ts';
import { processContext } from '../core/context.ts';
import { newRunId, testUser } from '../core/test-data.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { openDeployment } from '../deployment/open.ts';
import { startDynamoServer } from '../testing/dynamo-server.ts';
import { startS3Server } from '../testing/s3-server/server.ts';
import { readHistory, startHistory } from './history-file.ts';
import { HTTP_FAULTS } from './http-faults.ts';
import { PORT_FAULTS } from './port-faults.ts';
import { type ConsistencyOptions, KILLED, runClients } from './run.ts';
import { verdictOn } from './verdict.ts';

/**
 * Real clients, in processes that are killed. A run here goes on until it has met everything, however long that takes on
 * a busy machine: only its operations are counted.
 */

const UNTIL_ALL_OCCURRED = { durationMs: 0, patienceMs: Number.POSITIVE_INFINITY };

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-consistency-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function runOn(env: NodeJS.ProcessEnv, options: Partial<ConsistencyOptions>) {
  const context = {
    ...processContext(),
    env: {
      ...process.env,
      JAVUMBO_HOME: join(directory, 'home'),
      JAVUMBO_CACHE_DIR: join(directory, 'cache'),
      ...env,
    },
  };
  const history = join(directory, 'history.jsonl');
  startHistory(history);
  const run = { id: newRunId(context.random), keep: false, cleanUps: new CleanUps() };
  const deployment = await openDeployment(resolveConfig({}, context.env), context);
  try {
    const given = { clients: 4, users: 4, seed: 7, faults: undefined, sabotage: undefined, history, durationMs: 0 };
    const recorded = await runClients(deployment, context, run, { ...given, ...options }, undefined, () => {});
    return { recorded, verdict: verdictOn(recorded), left: await leftBy(deployment, run), history };
  } finally {
    deployment.close();
  }
}

async function leftBy(deployment: Deployment, run: { readonly id: string }): Promise<string[]> {
  const accounts = await deployment.accounts();
  const left: string[] = [];
  for (let number = 1; number <= 4; number++) {
    const username = testUser(run, `user-${number}`);
    if ((await deployment.store.trace(username)).kind !== 'nothing') left.push(`database of ${username}`);
    if ((await accounts.get(username)) !== undefined) left.push(`account of ${username}`);
  }
  return left;
}

describe('clients on the local deployment', () => {
  test('meet every fault and every outcome, and break no promise', async () => {
    const { recorded, verdict, left, history } = await runOn({}, { ...UNTIL_ALL_OCCURRED, operationsMin: 200 });
    expect(verdict).toEqual({ violations: [], undetermined: 0, missing: [] });
    expect(Object.keys(recorded.faults ?? {}).sort()).toEqual([...PORT_FAULTS, KILLED].sort());
    expect(recorded.operations).toBeGreaterThanOrEqual(200);
    expect(recorded.errors).toEqual([]);
    expect(left).toEqual([]);

    // Cut anywhere, as by a kill of the parent, the file still says what it says.
    const text = readFileSync(history, 'utf8');
    for (const share of [0.3, 0.6, 0.9]) {
      const cut = readHistory(text.slice(0, Math.floor(text.length * share)), history);
      expect(cut.faults).toBeUndefined();
      expect(verdictOn(cut)).toEqual({ violations: [], undetermined: 0, missing: [] });
    }
  });

  test('are noticed where one of them overwrites what it has not seen', async () => {
    const { verdict } = await runOn({}, { operationsMin: 300, sabotage: 'blind-overwrite', faults: ['delay'] });
    expect(verdict.violations[0]?.kind).toMatch(/^(overwritten|lost|forked|vanished)$/);
  });
});

test('clients on S3 meet every fault of the proxy and every outcome, and break no promise', async () => {
  const [s3, dynamo] = await Promise.all([startS3Server({ buckets: ['bucket'] }), startDynamoServer()]);
  try {
    await dynamo.createTable('javumbo-users');
    // The SDK of this process looks there.
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'key');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    const env = {
      S3_BUCKET: 'bucket',
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
    };
    const { recorded, verdict, left } = await runOn(env, { ...UNTIL_ALL_OCCURRED, operationsMin: 100 });
    expect(verdict).toEqual({ violations: [], undetermined: 0, missing: [] });
    expect(Object.keys(recorded.faults ?? {}).sort()).toEqual([...HTTP_FAULTS, KILLED].sort());
    expect(left).toEqual([]);
  } finally {
    vi.unstubAllEnvs();
    await Promise.all([s3.close(), dynamo.close()]);
  }
});
