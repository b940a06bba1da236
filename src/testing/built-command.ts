import { runScript, SCRIPTS } from './child-process.ts';
import type { CommandDeployment } from './command-deployments.ts';
import type { FailureDocument, Json } from './run-command.ts';

/** How a built command ended. */
export interface BuiltResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The one document on stdout; throws for anything else. */
  json<T = Json>(): T;
  /** What the error document on the last line of stderr holds; throws where there is none. */
  failure(): FailureDocument;
}

/** Runs the command that `npm test` has built, with the processes that it starts, on a deployment of a test. */
export async function runBuilt(
  { flags, env }: Pick<CommandDeployment, 'flags' | 'env'>,
  argv: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<BuiltResult> {
  const { code, stdout, stderr } = await runScript(SCRIPTS.javumbo, [...argv, ...flags, '--quiet'], {
    ...(env as Record<string, string>),
    ...more,
  });
  return {
    code,
    stdout,
    stderr,
    json: () => JSON.parse(stdout),
    failure: () => JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '').error,
  };
}
