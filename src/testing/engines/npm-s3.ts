import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { type EngineEnvironment, startEngine, stopEngine } from './engine.ts';

const SCRIPT = fileURLToPath(new URL('./npm-s3.sh', import.meta.url));
// Like Ceph: another PORT is another engine.
const FIRST_PORT = Number(process.env.PORT ?? 7490) + 3000;
const ENGINES = ['s3rver', 'fauxqs'] as const;

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined if it could not be fetched. */
    s3rver: EngineEnvironment | undefined;
    /** Undefined if it, or the Node that it runs on, could not be fetched. */
    fauxqs: EngineEnvironment | undefined;
  }
}

/** Vitest's global setup: starts s3rver and fauxqs for the engine tests, and stops them after them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Set by .ci/engines after it has tried to fetch them and reported that it could not.
  const absent = { s3rver: process.env.S3RVER === 'absent', fauxqs: process.env.FAUXQS === 'absent' };
  await Promise.all(
    ENGINES.map(async (name, index) => {
      const port = String(FIRST_PORT + index);
      project.provide(name, absent[name] ? undefined : await startEngine<EngineEnvironment>(SCRIPT, [name], port));
    }),
  );
  return async () => {
    await Promise.all(ENGINES.map((name, index) => stopEngine(SCRIPT, [name], String(FIRST_PORT + index))));
  };
}
