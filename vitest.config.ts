import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    include: ['src/**/*.test.ts', 'benchmarks/**/*.test.ts', 'infra/**/*.test.ts'],
    // On two cores Vitest would use one, and most of these tests wait for processes and round trips.
    maxWorkers: '100%',
    // Real processes and real files on a machine that may be busy: a test ends when its work ends, not when a clock says so.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
