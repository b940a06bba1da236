import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { assignmentsOf } from './engine.ts';

const SCRIPT = fileURLToPath(new URL('./node.sh', import.meta.url));

/** Paths of the Node versions with which Lambda runs the function. */
export type LambdaNodes = Readonly<Record<'NODE_22' | 'NODE_24', string>>;

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined if they could not be fetched. */
    lambdaNodes: LambdaNodes | undefined;
  }
}

/** Vitest's global setup: fetches Node 22 and 24, once. */
export default async function setup(project: TestProject): Promise<void> {
  // Set by .ci/engines after it has tried to fetch them and reported that it could not.
  const absent = process.env.LAMBDA_NODES === 'absent';
  project.provide('lambdaNodes', absent ? undefined : await assignmentsOf<LambdaNodes>(SCRIPT, [], process.env));
}
