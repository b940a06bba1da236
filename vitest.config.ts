import { accessSync, constants, statfsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { defineConfig } from 'vitest/config';

const FOLDERS = '{src,benchmarks,infra}';

const MEMORY = '/dev/shm';
const MEMORY_MIN_BYTES = 4_000_000_000;

/** Memory, where there is enough of it: nobody waits for a disk then, and no test cuts the power. */
function temporaryDirectory(): string {
  try {
    accessSync(MEMORY, constants.W_OK);
    const { bavail, bsize } = statfsSync(MEMORY);
    return process.env.TMPDIR === undefined && bavail * bsize >= MEMORY_MIN_BYTES ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** What the three projects have in common. */
const shared = {
  // Loading what they test takes longer than most of the tests.
  isolate: false,
  setupFiles: ['src/testing/set-up.ts'],
  env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true', TMPDIR: temporaryDirectory() },
  // Real files on a machine that may be busy: a test ends when its work ends, not when a clock says so.
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  test: {
    // On two cores Vitest would use one. Most of the process tests wait for processes and round trips: with two workers the
    // cores were idle for a quarter of the time.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    projects: [
      {
        // Nothing has been built, and nothing can be started.
        resolve: { alias: { 'node:child_process': `${import.meta.dirname}/src/testing/no-processes.ts` } },
        test: {
          ...shared,
          name: 'unit',
          include: [`${FOLDERS}/**/*.test.ts`],
          exclude: ['**/*.process.test.ts'],
        },
      },
      { test: { ...shared, name: 'process', include: [`${FOLDERS}/**/*.process.test.ts`] } },
      {
        test: {
          ...shared,
          name: 'engines',
          include: [`${FOLDERS}/**/*.engine.ts`],
          globalSetup: ['ceph-rgw', 'dynamodb-local', 'nginx', 'node'].map(
            (engine) => `src/testing/engines/${engine}.ts`,
          ),
          testTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
