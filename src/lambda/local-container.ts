/** A container of the local function: a process with its own /tmp that runs the handler. */
import { join } from 'node:path';
import { processStartedAt } from '../core/clock.ts';
import { processContext } from '../core/context.ts';
import { openDeployment } from '../deployment/open.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import { serveCalls } from './container-runtime.ts';
import { createHandler } from './handler.ts';

const context = processContext();
const { clock, random } = context;

serveCalls(async ({ config, version, directory }) =>
  createHandler({
    open: () =>
      openDeployment({ ...config, cacheDir: { value: join(directory, 'cache'), source: 'default' } }, context),
    version,
    description: {
      node: process.version,
      architecture: process.arch,
      sqlite: (await sqliteEngine(config.sqliteEngine.value)).name,
    },
    clock,
    random,
    startedAt: processStartedAt(),
  }),
);
