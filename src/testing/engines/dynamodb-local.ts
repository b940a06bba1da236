import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { startEngine, stopEngine } from './engine.ts';

const SCRIPT = fileURLToPath(new URL('./dynamodb-local.sh', import.meta.url));
// Like Ceph: another PORT is another engine.
const PORT = String(Number(process.env.PORT ?? 7490) + 1000);

/** The endpoint and its keys, as environment variables for the SDK and child processes. */
export type DynamoEnvironment = Readonly<
  Record<'AWS_ENDPOINT_URL_DYNAMODB' | 'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY', string>
>;

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined without Java. */
    dynamoDbLocal: DynamoEnvironment | undefined;
  }
}

/** Vitest's global setup: starts Amazon's DynamoDB Local for the engine tests and stops it after them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Set by .ci/engines after it has tried to fetch the engine and reported that it could not.
  if (process.env.DYNAMODB_LOCAL === 'absent') {
    project.provide('dynamoDbLocal', undefined);
    return async () => {};
  }
  if (spawnSync('java', ['-version']).error !== undefined) {
    process.stderr.write(
      'engine tests skipped: java is not installed (Debian: apt-get install default-jre-headless)\n',
    );
    project.provide('dynamoDbLocal', undefined);
    return async () => {};
  }
  project.provide('dynamoDbLocal', await startEngine<DynamoEnvironment>(SCRIPT, [], PORT));
  return () => stopEngine(SCRIPT, [], PORT);
}
