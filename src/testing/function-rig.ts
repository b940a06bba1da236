import { mkdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, resolveConfig } from '../config/config.ts';
import { CleanUps } from '../core/clean-ups.ts';
import { seededRandom } from '../core/random.ts';
import { awsBackend } from '../deployment/aws.ts';
import type { DeploymentData } from '../deployment/deployment.ts';
import { assembleDeployment } from '../deployment/deployment.ts';
import { openLocalBackend } from '../deployment/local.ts';
import { createHandler } from '../lambda/handler.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { BUCKET, type CommandDeployment } from './command-deployments.ts';
import { type Json, temporaryDirectory } from './run-command.ts';
import { ManualClock } from './workbench.ts';

/** The description in a rig's `ping`. */
export const DESCRIPTION = { node: 'v0.0.0', architecture: 'none', sqlite: 'better-sqlite3' };

/** A container of the function in this process, on a test's own deployment. */
export interface FunctionRig {
  readonly clock: ManualClock;
  /** Its /tmp, which holds the handler's cache. */
  readonly cacheDir: string;
  invoke(event: unknown): Promise<Json>;
  /** The handler's deployment; throws before it is opened. */
  deployment(): DeploymentData;
  close(): void;
}

let seed = 0;

/** `beforeOpen` runs before the deployment is opened, which fails with what it throws. */
export function startFunction(on: CommandDeployment, beforeOpen = (): void => {}): FunctionRig {
  const clock = new ManualClock();
  const random = seededRandom(++seed);
  const cacheDir = join(temporaryDirectory(), 'cache');
  const endpoints = on.server === undefined ? {} : { S3_BUCKET: BUCKET, AWS_ENDPOINT_URL_S3: on.server.endpoint };
  const env = { ...on.env, ...endpoints, JAVUMBO_CACHE_DIR: cacheDir };
  const config: Config = resolveConfig({}, env);
  const context = { env, clock, random, stdout: SILENT, stderr: SILENT, cleanUps: new CleanUps() };
  let opened: DeploymentData | undefined;
  const invoke = createHandler({
    open: async () => {
      beforeOpen();
      const backend = on.server === undefined ? openLocalBackend : awsBackend(async () => betterSqlite);
      opened = await assembleDeployment(config, context, backend);
      return opened;
    },
    version: '1.2.3',
    description: DESCRIPTION,
    clock,
    random,
    startedAt: clock.monotonic(),
  });
  return {
    clock,
    cacheDir,
    invoke,
    deployment: () => {
      if (opened === undefined) throw new Error('nothing has been put together yet');
      return opened;
    },
    close: () => opened?.close(),
  };
}

const SILENT = { write: () => true };

/** Starts a container on a new deployment on which alice has a database. */
export async function startWithAlice(
  open: () => Promise<CommandDeployment>,
): Promise<{ readonly deployment: CommandDeployment; readonly rig: FunctionRig; readonly close: () => Promise<void> }> {
  const deployment = await open();
  await deployment.json('db', 'create', 'alice');
  const rig = startFunction(deployment);
  const close = async (): Promise<void> => {
    rig.close();
    await deployment.close();
  };
  return { deployment, rig, close };
}

/** Puts a sparse cached database of that size into a cache directory, last used that many seconds ago. */
export function plantEntry(
  { cacheDir, clock }: Pick<FunctionRig, 'cacheDir' | 'clock'>,
  username: string,
  { ageSeconds, sizeBytes = 4096 }: { readonly ageSeconds: number; readonly sizeBytes?: number },
): string {
  const entry = join(cacheDir, '0123456789abcdef', 'entries', username, 'f'.repeat(32));
  mkdirSync(entry, { recursive: true, mode: 0o700 });
  const path = join(entry, `${username}.anki2`);
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
  const at = clock.now() / 1000 - ageSeconds;
  utimesSync(path, at, at);
  return path;
}
