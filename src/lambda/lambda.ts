/**
 * The entry of the bundle that `function package` makes and Lambda loads. Uses the bucket and tables that the
 * environment names, with the rights of the function's role.
 */

import { resolveConfig } from '../config/config.ts';
import { processStartedAt } from '../core/clock.ts';
import { processContext } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { awsBackend } from '../deployment/aws.ts';
import { assembleDeployment } from '../deployment/deployment.ts';
import { loadNodeSqlite } from '../sqlite/node-sqlite.ts';
import { createHandler } from './handler.ts';

/** Defined when the bundle is made. */
declare const JAVUMBO_VERSION: string;

const context = processContext();
const { clock, random, env } = context;
const sqlite = loadNodeSqlite();
const memoryMb = Number(env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE);

export const handler = createHandler({
  open: async () => {
    const config = resolveConfig({}, env);
    if (config.deployment.value === 'local') {
      throw new JavumboError('usage', 'the function has no bucket', { try: 'S3_BUCKET in its environment' });
    }
    return assembleDeployment(
      config,
      context,
      awsBackend(async () => sqlite),
    );
  },
  version: JAVUMBO_VERSION,
  description: {
    node: process.version,
    architecture: process.arch,
    sqlite: sqlite.name,
    ...(Number.isSafeInteger(memoryMb) ? { memoryMb } : {}),
  },
  clock,
  random,
  startedAt: processStartedAt(),
});
