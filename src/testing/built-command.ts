import { runScript, SCRIPTS } from './child-process.ts';
import type { CommandDeployment } from './command-deployments.ts';
import type { FailureDocument, Json } from './run-command.ts';

export interface BuiltResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Parses the single document on stdout. */
  json<T = Json>(): T;
  /** Parses the error document on the last line of stderr. */
  failure(): FailureDocument;
}

/** Runs the built command in a child process, on a test's deployment. */
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
