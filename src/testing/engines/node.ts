import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { assignmentsOf } from './engine.ts';

const SCRIPT = fileURLToPath(new URL('./node.sh', import.meta.url));

/** Where the versions of Node are that Lambda runs the function with. */
export type LambdaNodes = Readonly<Record<'NODE_22' | 'NODE_24', string>>;

declare module 'vitest' {
  interface ProvidedContext {
    /** Undefined where they could not be fetched. */
    lambdaNodes: LambdaNodes | undefined;
  }
}

/** Vitest's global setup: fetches Node 22 and 24, once. */
export default async function setup(project: TestProject): Promise<void> {
  // Said by .ci/engines, once it has tried to fetch them and said loudly that it could not.
  const absent = process.env.LAMBDA_NODES === 'absent';
  project.provide('lambdaNodes', absent ? undefined : await assignmentsOf<LambdaNodes>(SCRIPT, [], process.env));
}
