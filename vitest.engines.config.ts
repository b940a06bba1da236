import { defineConfig } from 'vitest/config';

/** The tests that need a real engine beside them; `npm test` runs none of them. */
export default defineConfig({
  test: {
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    include: ['src/**/*.engine.ts', 'infra/**/*.engine.ts'],
    globalSetup: ['ceph-rgw', 'dynamodb-local', 'nginx', 'node'].map((engine) => `src/testing/engines/${engine}.ts`),
    testTimeout: 600_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
