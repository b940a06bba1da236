import { type GlobalFlags, SQLITE_ENGINE } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { type Context, processContext } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import type { Retry } from '../core/retry.ts';
import type { Usage } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import { openDeployment } from '../deployment/open.ts';
import { type ListedDatabase, listPages } from '../store/database-store.ts';
import { UserRepository } from '../users/repository.ts';

/** The databases to open: exactly one of `bucket` and `directory` must be given. */
export interface OpenUserDatabasesOptions {
  /** An S3 bucket. Credentials come from where the AWS SDK finds them: environment, profile, role. */
  readonly bucket?: string | undefined;
  /** A directory on this machine, made if missing: the same promises without a network. */
  readonly directory?: string | undefined;
  /** Default: `AWS_REGION`, the AWS profile, `us-east-1`. */
  readonly region?: string | undefined;
  /** A profile of `~/.aws/config`. Default: `AWS_PROFILE`. */
  readonly profile?: string | undefined;
  /** The endpoint of S3 if it is not AWS, such as `http://127.0.0.1:9000`. */
  readonly endpointUrl?: string | undefined;
  /** The endpoint of DynamoDB if it is not AWS; `accounts` needs it beside an `endpointUrl`. */
  readonly dynamodbEndpointUrl?: string | undefined;
  /** The DynamoDB table of accounts. Default: `javumbo-users`. */
  readonly usersTable?: string | undefined;
  /** Where versions are kept between sessions. Default: `javumbo-<uid>` in the system's temporary directory. */
  readonly cacheDirectory?: string | undefined;
  /** The age in milliseconds up to which a cached version is read without a request. Default 0: every read asks. */
  readonly stalenessMaxMs?: number | undefined;
  /** How long a connection may be silent, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number | undefined;
  /** False: each update has a PUT of its own. By default updates of one user that come at once go out together. */
  readonly groupCommit?: boolean | undefined;
  /** Called before a request is retried. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
}

/** The databases of all users, with their list, their accounts and the requests so far. */
export interface OpenedUserDatabases extends UserDatabases {
  /** Lists the databases in the order of their keys, with one request per 1,000. */
  list(): AsyncIterable<ListedDatabase>;
  /** Opens the accounts. Throws `usage` if S3 is a custom endpoint and nothing says where DynamoDB is. */
  accounts(): Promise<UserRepository>;
  /** Returns the requests and bytes so far, retries included. */
  usage(): Usage;
  /** Closes connections and files. End open sessions first. */
  close(): void;
}

/**
 * Opens the databases in a bucket or in a directory. Makes no request. What makes a write safe is inside: the client sends
 * each request once, retries settle its fate, and a store that `javumbo doctor` found to lose updates is not written to.
 *
 * @throws JavumboError `usage` for options that contradict each other or make no sense.
 */
export async function openUserDatabases(options: OpenUserDatabasesOptions): Promise<OpenedUserDatabases> {
  const { bucket, directory, stalenessMaxMs = 0, groupCommit, onRetry } = options;
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
  const databases = deployment.databases({ cacheTtlDefault: 0, cacheTtl: stalenessMaxMs / 1000, groupCommit });
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
 * Returns the variables that count for a library: those of the AWS SDK, and the place of doctor's verdicts. `S3_BUCKET` and
 * `DB_CACHE_TTL` do not count: a program is explicit.
 */
function relevant(env: NodeJS.ProcessEnv, directory: string | undefined): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) => name.startsWith('AWS_') || ['HOME', 'XDG_DATA_HOME', 'JAVUMBO_HOME', SQLITE_ENGINE].includes(name),
  );
  return { ...Object.fromEntries(kept), ...(directory === undefined ? {} : { JAVUMBO_HOME: directory }) };
}
