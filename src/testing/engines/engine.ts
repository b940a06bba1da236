import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The endpoint of an S3 engine and its keys, as environment variables for the SDK and child processes. */
export type EngineEnvironment = Readonly<
  Record<'AWS_ENDPOINT_URL_S3' | 'AWS_ACCESS_KEY_ID' | 'AWS_SECRET_ACCESS_KEY', string>
>;

/** Returns the installed version, such as 16.2.15; undefined without Ceph's packages. */
export function cephRgwVersion(): string | undefined {
  const { stdout, error } = spawnSync('radosgw', ['--version'], { encoding: 'utf8' });
  return error === undefined ? (/\d+(\.\d+)+/.exec(stdout)?.[0] ?? 'of an unknown version') : undefined;
}

/** Starts an engine with its script, and returns the shell assignments that it prints: endpoint and keys. */
export async function startEngine<Variables>(
  script: string,
  argv: readonly string[],
  port: string,
): Promise<Variables> {
  return assignmentsOf(script, ['start', ...argv], { ...process.env, PORT: port });
}

/** Returns the shell assignments that a script prints. */
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
