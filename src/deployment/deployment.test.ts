import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolveConfig } from '../config/config.ts';
import { processContext } from '../core/context.ts';
import { NO_USAGE } from '../core/usage.ts';
import type { UnsafeVerdict } from '../probes/refusing.ts';
import { assembleDeployment, type DeploymentData } from './deployment.ts';
import { openLocalBackend } from './local.ts';

const VERDICT = { store: 'local', foundAt: '2026-11-26T00:00:00Z', findings: ['it lost an update'] };

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-deployment-'));
  writeFileSync(join(directory, 'source'), 'bytes');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(verdict?: UnsafeVerdict): Promise<DeploymentData> {
  const env = { JAVUMBO_HOME: join(directory, 'home'), JAVUMBO_CACHE_DIR: join(directory, 'cache') };
  return assembleDeployment(resolveConfig({}, env), processContext(), openLocalBackend, () => verdict);
}

const create = ({ store }: DeploymentData): Promise<unknown> =>
  store.put('alice', join(directory, 'source'), { condition: { kind: 'absent' }, writes: ['a'.repeat(32)] });

test('a store that was found unsafe refuses writes, and what it refuses is neither sent nor counted', async () => {
  const deployment = await open(VERDICT);
  try {
    await expect(create(deployment)).rejects.toMatchObject({ kind: 'violation' });
    await expect(deployment.store.delete('alice')).rejects.toMatchObject({ kind: 'violation' });
    expect(deployment.usage()).toEqual(NO_USAGE);
    expect(await deployment.store.head('alice')).toBeUndefined();
    expect(deployment.usage().store).toEqual({ ...NO_USAGE.store, head: 1 });
  } finally {
    deployment.close();
  }
});

test('a store that nobody found unsafe is written to, and that is counted', async () => {
  const deployment = await open();
  try {
    expect(await create(deployment)).toMatchObject({ kind: 'committed' });
    expect(deployment.usage().store).toEqual({ ...NO_USAGE.store, put: 1, bytesUp: 5 });
  } finally {
    deployment.close();
  }
});
