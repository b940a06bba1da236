import type { GlobalFlags } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { type Context, processContext } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import type { Retry } from '../core/retry.ts';
import type { Usage } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import { openDeployment } from '../deployment/open.ts';
import { type ListedDatabase, listPages } from '../store/database-store.ts';
import { UserRepository } from '../users/repository.ts';

/** Which databases to open. Either `bucket` or `directory` must be given. */
export interface OpenUserDatabasesOptions {
  /** An S3 bucket. Credentials come from where the AWS SDK finds them: environment, profile, role. */
  readonly bucket?: string | undefined;
  /** A directory on this machine, made if missing: the same promises without a network. */
  readonly directory?: string | undefined;
  /** Default: `AWS_REGION`, the AWS profile, `us-east-1`. */
  readonly region?: string | undefined;
  /** A profile of `~/.aws/config`. Default: `AWS_PROFILE`. */
  readonly profile?: string | undefined;
  /** Where S3 is, if not on AWS, such as `http://127.0.0.1:9000`. */
  readonly endpointUrl?: string | undefined;
  /** Where DynamoDB is, if not on AWS; needed for `accounts` beside an `endpointUrl`. */
  readonly dynamodbEndpointUrl?: string | undefined;
  /** The table of accounts. Default: `javumbo-users`. */
  readonly usersTable?: string | undefined;
  /** Where versions are kept between sessions. Default: `javumbo-<uid>` in the system's temporary directory. */
  readonly cacheDirectory?: string | undefined;
  /** How old a cached version may be and still be read without a request, in milliseconds. Default 0: never. */
  readonly stalenessMaxMs?: number | undefined;
  /** For how long a connection may be silent, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number | undefined;
  /** Called before a request is sent again. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** The databases of all users, and what belongs to them. */
export interface OpenedUserDatabases extends UserDatabases {
  /** Lists the databases in the order of their keys, up to 1,000 for each request. */
  list(): AsyncIterable<ListedDatabase>;
  /** Opens the accounts. Throws `usage` where S3 is a custom endpoint and nothing says where DynamoDB is. */
  accounts(): Promise<UserRepository>;
  /** Returns the requests and bytes so far, retries included. */
  usage(): Usage;
  /** Closes connections and files. Sessions that are open must be ended before. */
  close(): void;
}

/**
 * Opens the databases in a bucket or in a directory. Makes no request. Everything that a write needs to be safe is made
 * inside: the client sends each request once, retries settle what became of it, and a store that `javumbo doctor` found
 * to lose updates is not written to.
 *
 * @throws JavumboError `usage` for options that contradict each other or make no sense.
 */
export async function openUserDatabases(options: OpenUserDatabasesOptions): Promise<OpenedUserDatabases> {
  const { bucket, directory, stalenessMaxMs = 0, onRetry } = options;
  if ((bucket === undefined) === (directory === undefined)) {
    throw new JavumboError('usage', 'openUserDatabases needs exactly one of bucket and directory', {
      try: "openUserDatabases({ bucket: 'my-bucket' })",
    });
  }
  if (directory === '') {
    throw new JavumboError('usage', 'the directory is empty', { try: "openUserDatabases({ directory: './data' })" });
  }
  if (!(stalenessMaxMs >= 0)) {
    throw new JavumboError('usage', `stalenessMaxMs is not a number of milliseconds: ${stalenessMaxMs}`, {
      try: '0, or the age up to which a cached version may be read',
    });
  }
  const { env, clock, random, cleanUps } = processContext();
  const silent = { write: () => true };
  const context: Context = {
    env: relevant(env, directory),
    stdout: silent,
    stderr: silent,
    clock,
    random,
    cleanUps,
    onRetry,
  };
  const deployment = await openDeployment(await loadConfig(flagsOf(options), context.env), context);
  const databases = deployment.databases({ cacheTtlDefault: 0, cacheTtl: stalenessMaxMs / 1000 });
  return Object.assign(databases, {
    list: async function* () {
      for await (const page of listPages(deployment.store)) yield* page.databases;
    },
    accounts: async () => new UserRepository(await deployment.users(), context),
    usage: () => deployment.usage(),
    close: () => deployment.close(),
  });
}

function flagsOf({ bucket, directory, timeoutMs, cacheDirectory, ...same }: OpenUserDatabasesOptions): GlobalFlags {
  const { region, profile, endpointUrl, dynamodbEndpointUrl, usersTable } = same;
  return {
    ...(bucket === undefined ? { deployment: 'local' } : { bucket }),
    ...(directory === undefined ? { region, profile, endpointUrl, dynamodbEndpointUrl, usersTable } : {}),
    cacheDir: cacheDirectory,
    ...(timeoutMs === undefined ? {} : { timeout: `${timeoutMs}ms` }),
  };
}

/**
 * Returns what counts here of the environment: what the AWS SDK reads too, and where doctor's verdicts are. `S3_BUCKET` and
 * `DB_CACHE_TTL` do not: a program says what it means.
 */
function relevant(env: NodeJS.ProcessEnv, directory: string | undefined): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => name.startsWith('AWS_') || ['HOME', 'XDG_DATA_HOME', 'JAVUMBO_HOME'].includes(name),
  );
  return { ...Object.fromEntries(kept), ...(directory === undefined ? {} : { JAVUMBO_HOME: directory }) };
}
