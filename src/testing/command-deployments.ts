import { type DynamoServer, startDynamoServer } from './dynamo-server.ts';
import { type CommandResult, freshMachine, type RunOptions, runCommand } from './run-command.ts';
import { type S3Server, type S3ServerOptions, startS3Server } from './s3-server/server.ts';

/** A test's own deployment and its command line. */
export interface CommandDeployment {
  /** The environment of its commands; one machine, so one cache. */
  readonly env: NodeJS.ProcessEnv;
  /** The global options that select it. */
  readonly flags: readonly string[];
  /** Runs a command on it, without notes on stderr. */
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Like `run`, on another machine with its own cache. */
  runElsewhere(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Runs a command that must succeed, and returns its JSON. */
  json<T>(...argv: string[]): Promise<T>;
  /** The server, which counts requests; undefined if there is none. */
  readonly server: S3Server | undefined;
  close(): Promise<void>;
}

export const BUCKET = 'b';

/** The deployments on which database commands must behave identically. */
export const COMMAND_DEPLOYMENTS: readonly {
  readonly name: string;
  readonly open: () => Promise<CommandDeployment>;
}[] = [
  { name: 'the local deployment', open: async () => openLocal() },
  { name: 'an S3 server', open: () => openOnS3() },
];

/** The deployments on which account commands must behave identically. */
export const ACCOUNT_DEPLOYMENTS: typeof COMMAND_DEPLOYMENTS = [
  { name: 'the local deployment', open: async () => openLocal() },
  { name: 'an S3 server and DynamoDB', open: async () => (await openOnAws()).deployment },
];

export function openLocal(): CommandDeployment {
  return deploymentOf(['--deployment', 'local'], {}, undefined);
}

/** Opens a deployment on the loopback S3 server and dynalite, with both tables. */
export async function openOnAws(): Promise<{ deployment: CommandDeployment; dynamo: DynamoServer }> {
  const dynamo = await startDynamoServer();
  await dynamo.createTable('javumbo-users');
  await dynamo.createTable('javumbo-user-locks');
  const s3 = await openOnS3({}, { AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint });
  const close = async (): Promise<void> => {
    await s3.close();
    await dynamo.close();
  };
  return { deployment: { ...s3, close }, dynamo };
}

export async function openOnS3(options: S3ServerOptions = {}, env: NodeJS.ProcessEnv = {}): Promise<CommandDeployment> {
  const server = await startS3Server({ buckets: [BUCKET], ...options });
  const flags = ['--bucket', BUCKET, '--endpoint-url', server.endpoint];
  return deploymentOf(flags, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret', ...env }, server);
}

/** Runs a command in this process on a deployment of a test, whatever deployment its machine has worked on before. */
export function runOn(
  { flags, env }: Pick<CommandDeployment, 'flags' | 'env'>,
  argv: readonly string[],
  more: NodeJS.ProcessEnv = {},
): Promise<CommandResult> {
  return runCommand([...argv, ...flags, '--quiet'], { env: { ...env, ...more } });
}

function deploymentOf(
  flags: readonly string[],
  credentials: NodeJS.ProcessEnv,
  server: S3Server | undefined,
): CommandDeployment {
  const env = { ...freshMachine(), ...credentials };
  const run: CommandDeployment['run'] = (argv, options = {}) =>
    runCommand([...flags, '--quiet', ...argv], { ...options, env: { ...env, ...options.env } });
  return {
    env,
    flags,
    run,
    runElsewhere: (argv, options = {}) =>
      run(argv, { ...options, env: { JAVUMBO_CACHE_DIR: freshMachine().JAVUMBO_CACHE_DIR, ...options.env } }),
    json: async (...argv) => {
      const result = await run([...argv, '--json']);
      if (result.code !== 0) throw new Error(`${argv.join(' ')} ended with ${result.code}: ${result.stderr}`);
      return result.json();
    },
    server,
    close: async () => server?.close(),
  };
}
