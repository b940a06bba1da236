import { accessSync, constants, statfsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

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

// Longest first: one that began last would run alone at the end. The others follow, those without processes last.
const LONG = [
  'store/ceph-rgw.engine',
  'users/dynamodb-local.engine',
  'commands/fuzz.engine',
  'infra/plan.engine',
  'verify/verify-all.engine',
  'cli/interruption.process',
  'commands/verify/killed.process',
  'docs.process',
  'commands/repeated-writes.process',
  'benchmarks/benchmark.process',
  'function/client.process',
  'databases/full-disk.process',
  'commands/function/deploy.process',
  'databases/simulation',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const index = LONG.findIndex((name) => moduleId.includes(`/${name}.`));
      return index === -1 ? LONG.length + (project.name === 'unit' ? 1 : 0) : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
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
    sequence: { sequencer: LongestFirst },
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
          globalSetup: ['src/testing/engines/all.ts'],
          testTimeout: 600_000,
        },
      },
    ],
  },
});
