import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Starts an engine by its script, and returns the shell assignments that it printed: its endpoint and its keys. */
export async function startEngine<Variables>(
  script: string,
  argv: readonly string[],
  port: string,
): Promise<Variables> {
  return assignmentsOf(script, ['start', ...argv], { ...process.env, PORT: port });
}

/** The shell assignments that a script prints. */
export async function assignmentsOf<Variables>(
  script: string,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Variables> {
  const { stdout } = await run(script, argv, { env });
  const pairs = stdout
    .trim()
    .split(' ')
    .map((pair) => pair.split('=', 2));
  return Object.fromEntries(pairs) as Variables;
}

export async function stopEngine(script: string, argv: readonly string[], port: string): Promise<void> {
  await run(script, ['stop', ...argv], { env: { ...process.env, PORT: port } });
}
