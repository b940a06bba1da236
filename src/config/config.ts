import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isNumber, milliseconds, parsedDuration, positiveMilliseconds, seconds } from '../core/duration.ts';
import { JavumboError } from '../core/failure.ts';
import { homeOf } from '../core/home.ts';
import { bytesIn } from '../core/size.ts';
import { SQLITE_ENGINES, type SqliteEngineName } from '../core/sqlite-engines.ts';
import { resolveEndpoint, resolveRegion } from './address.ts';
import { type DeploymentFlags, resolveBucket, resolveDeployment } from './bucket.ts';
import { resolveApiUrl, resolveFunction } from './function.ts';
import { type Proxies, resolveProxies } from './proxy.ts';
import { fallback, first, given, type Setting } from './setting.ts';
import type { TerraformOutputs } from './terraform.ts';

/** The variable that names the only library for SQLite files. */
export const SQLITE_ENGINE = 'JAVUMBO_SQLITE_ENGINE';

// A socket silent for this long is dead. There is no limit on whole requests, since a large file on a slow line keeps
// moving.
const TIMEOUT_MS = 15_000;

// A timer of more than 24 days would end at once, and simulate nothing.
const RTT_MAX_MS = 60_000;

/** The global options from the command line; undefined if not given. */
export interface GlobalFlags extends DeploymentFlags {
  /** The name of a deployment that `config save` has kept. */
  readonly context?: string | undefined;
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  readonly endpointUrl?: string | undefined;
  readonly dynamodbEndpointUrl?: string | undefined;
  readonly lambdaEndpointUrl?: string | undefined;
  readonly usersTable?: string | undefined;
  readonly locksTable?: string | undefined;
  readonly function?: string | undefined;
  readonly apiUrl?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly allowUnsafeStore?: boolean | undefined;
  readonly cacheTtl?: string | undefined;
  readonly rtt?: string | undefined;
  readonly timeout?: string | undefined;
}

/** The complete configuration of a command, each value with its source. */
export interface Config extends Proxies {
  readonly deployment: Setting<'local' | 'aws'>;
  readonly bucket: Setting<string | undefined>;
  /** The context that is in use; undefined for none. `overrides` says what flags and environment have otherwise. */
  readonly context: Setting<string | undefined> & { readonly overrides?: readonly string[] };
  readonly region: Setting<string>;
  readonly profile: Setting<string | undefined>;
  /** S3's endpoint; undefined is AWS. */
  readonly endpointUrl: Setting<string | undefined>;
  /** DynamoDB's endpoint; undefined is AWS, or missing if S3 has a custom endpoint. */
  readonly dynamodbEndpointUrl: Setting<string | undefined>;
  /** Lambda's endpoint; undefined is AWS, or no Lambda if S3 has a custom endpoint. */
  readonly lambdaEndpointUrl: Setting<string | undefined>;
  readonly usersTable: Setting<string>;
  readonly locksTable: Setting<string>;
  /** `local` (child processes on this machine), or the name, name:alias or ARN of a Lambda function. */
  readonly function: Setting<string>;
  /** The HTTP API in front of the function; undefined if none is configured. */
  readonly apiUrl: Setting<string | undefined>;
  /** The directory whose Terraform outputs were read; undefined for none. */
  readonly terraform: Setting<string | undefined>;
  readonly home: Setting<string>;
  /** The most bytes that earlier versions take in the local deployment. */
  readonly historyMax: Setting<number>;
  readonly cacheDir: Setting<string>;
  /** Which library opens SQLite files; undefined for the first that can be loaded. */
  readonly sqliteEngine: Setting<SqliteEngineName | undefined>;
  /** True to write to a store that `doctor` found to lose updates. */
  readonly allowUnsafeStore: Setting<boolean>;
  /** In seconds; undefined if not configured, when each command has its own default. */
  readonly cacheTtl: Setting<number | undefined>;
  /** A simulated round trip in milliseconds; undefined for none. */
  readonly rtt: Setting<number | undefined>;
  /** How long a connection to the store may be silent, in milliseconds. */
  readonly timeout: Setting<number>;
}

/** The relevant settings of a profile in `~/.aws/config`. */
export interface ProfileSettings {
  readonly region?: string | undefined;
  readonly s3EndpointUrl?: string | undefined;
  readonly dynamodbEndpointUrl?: string | undefined;
  readonly lambdaEndpointUrl?: string | undefined;
}

/**
 * Resolves the configuration: flags before environment, Terraform's outputs, AWS profile and defaults. Only this folder
 * reads the environment. Throws `usage` for invalid or contradictory values, so that a pipeline never passes on a
 * deployment that was not meant.
 */
export function resolveConfig(
  flags: GlobalFlags,
  env: NodeJS.ProcessEnv,
  profile: ProfileSettings = {},
  terraform: TerraformOutputs = {},
): Config {
  refuseEmpty({
    '--region': flags.region,
    '--profile': flags.profile,
    '--cache-dir': flags.cacheDir,
    '--terraform': flags.terraform,
  });
  const bucket = resolveBucket(flags, env, terraform);
  const deployment = resolveDeployment(flags, bucket);
  const endpointUrl = resolveEndpoint(
    given('flag', '--endpoint-url', flags.endpointUrl),
    env,
    'AWS_ENDPOINT_URL_S3',
    profile.s3EndpointUrl,
  );
  const lambdaEndpointUrl = resolveEndpoint(
    given('flag', '--lambda-endpoint-url', flags.lambdaEndpointUrl),
    env,
    'AWS_ENDPOINT_URL_LAMBDA',
    profile.lambdaEndpointUrl,
  );
  const place = { deployment, endpointUrl, lambdaEndpointUrl };
  const rtt = first<number | undefined>(
    given('flag', '--rtt', parsedDuration(flags.rtt, '--rtt', milliseconds)),
    fallback(undefined),
  );
  if (rtt.value !== undefined && rtt.value > RTT_MAX_MS) {
    throw new JavumboError('usage', `--rtt ${flags.rtt} is more than a minute`, {
      try: '--rtt 171ms',
    });
  }
  if (rtt.value !== undefined && deployment.value === 'aws' && endpointUrl.value === undefined) {
    throw new JavumboError('usage', '--rtt simulates a network, and AWS has a real one', {
      try: 'without --rtt, or with --deployment local',
    });
  }
  return {
    deployment,
    // Whoever chose one says so.
    context: fallback(undefined),
    bucket,
    region: resolveRegion(
      given('flag', '--region', flags.region),
      given('environment', 'AWS_REGION', env.AWS_REGION || undefined),
      given('environment', 'AWS_DEFAULT_REGION', env.AWS_DEFAULT_REGION || undefined),
      given('terraform', 'aws_region', terraform.aws_region),
      given('profile', 'region', profile.region),
      fallback('us-east-1'),
    ),
    profile: resolveProfile(flags, env),
    endpointUrl,
    dynamodbEndpointUrl: resolveEndpoint(
      given('flag', '--dynamodb-endpoint-url', flags.dynamodbEndpointUrl),
      env,
      'AWS_ENDPOINT_URL_DYNAMODB',
      profile.dynamodbEndpointUrl,
    ),
    lambdaEndpointUrl,
    ...resolveProxies(deployment.value === 'aws' ? env : {}),
    usersTable: resolveTable(
      given('flag', '--users-table', flags.usersTable),
      given('environment', 'DYNAMODB_USERS_TABLE', env.DYNAMODB_USERS_TABLE || undefined),
      given('terraform', 'dynamodb_users_table_name', terraform.dynamodb_users_table_name),
      fallback('javumbo-users'),
    ),
    locksTable: resolveTable(
      given('flag', '--locks-table', flags.locksTable),
      given('environment', 'DYNAMODB_LOCKS_TABLE', env.DYNAMODB_LOCKS_TABLE || undefined),
      given('terraform', 'dynamodb_locks_table_name', terraform.dynamodb_locks_table_name),
      fallback('javumbo-user-locks'),
    ),
    function: resolveFunction(flags.function, env, terraform, place),
    apiUrl: resolveApiUrl(flags.apiUrl, env, terraform, place),
    terraform: first<string | undefined>(given('flag', '--terraform', absolute(flags.terraform)), fallback(undefined)),
    home: first(
      given('environment', 'JAVUMBO_HOME', absolute(env.JAVUMBO_HOME)),
      fallback(join(env.XDG_DATA_HOME || join(homeOf(env), '.local', 'share'), 'javumbo')),
    ),
    historyMax: first(
      given('environment', HISTORY_MAX, parsedSize(env[HISTORY_MAX] || undefined)),
      fallback(HISTORY_MAX_BYTES),
    ),
    allowUnsafeStore: first(given('flag', '--allow-unsafe-store', flags.allowUnsafeStore), fallback(false)),
    cacheDir: first(
      given('flag', '--cache-dir', absolute(flags.cacheDir)),
      given('environment', 'JAVUMBO_CACHE_DIR', absolute(env.JAVUMBO_CACHE_DIR)),
      fallback(join(tmpdir(), `javumbo-${process.getuid?.() ?? 'cache'}`)),
    ),
    sqliteEngine: first<SqliteEngineName | undefined>(
      given('environment', SQLITE_ENGINE, parsedEngine(env[SQLITE_ENGINE] || undefined)),
      fallback(undefined),
    ),
    cacheTtl: first<number | undefined>(
      given('flag', '--cache-ttl', parsedDuration(flags.cacheTtl, '--cache-ttl', seconds)),
      given('environment', 'DB_CACHE_TTL', parsedDuration(env.DB_CACHE_TTL || undefined, 'DB_CACHE_TTL', seconds)),
      fallback(undefined),
    ),
    rtt,
    timeout: first(
      given('flag', '--timeout', parsedDuration(flags.timeout, '--timeout', positiveMilliseconds)),
      fallback(TIMEOUT_MS),
    ),
  };
}

/** True if the command will use AWS or an S3 engine, so the AWS profile matters. Throws like `resolveConfig`. */
export function asksProfile(flags: GlobalFlags, env: NodeJS.ProcessEnv, terraform: TerraformOutputs = {}): boolean {
  return resolveDeployment(flags, resolveBucket(flags, env, terraform)).value === 'aws';
}

/** Returns the AWS profile. It is resolved first, because it may hold a region and an endpoint. */
export function resolveProfile(flags: GlobalFlags, env: NodeJS.ProcessEnv): Setting<string | undefined> {
  return first<string | undefined>(
    given('flag', '--profile', flags.profile),
    given('environment', 'AWS_PROFILE', env.AWS_PROFILE || undefined),
    fallback(undefined),
  );
}

// A name or an ARN. (DynamoDB's naming rules)
const TABLE = /^[A-Za-z0-9_.-]{3,255}$|^arn:[\x21-\x7e]+$/;

function resolveTable(...candidates: [...(Setting<string> | undefined)[], Setting<string>]): Setting<string> {
  const table = first(...candidates);
  if (TABLE.test(table.value)) return table;
  throw new JavumboError('usage', `${table.name} is not the name of a table: ${JSON.stringify(table.value)}`, {
    try: '3 to 255 letters, digits, underscores, hyphens and dots',
  });
}

function parsedEngine(name: string | undefined): SqliteEngineName | undefined {
  const engine = SQLITE_ENGINES.find((known) => known === name);
  if (name === engine) return engine;
  throw new JavumboError('usage', `${SQLITE_ENGINE} is not an engine for SQLite: ${JSON.stringify(name)}`, {
    try: SQLITE_ENGINES.join(' or '),
  });
}

const HISTORY_MAX = 'JAVUMBO_HISTORY_MAX';
const HISTORY_MAX_BYTES = 1_000_000_000;

function parsedSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = bytesIn(text);
  if (bytes !== undefined) return bytes;
  if (isNumber(text)) {
    throw new JavumboError('usage', `${HISTORY_MAX} ${text} has no unit`, {
      try: `${HISTORY_MAX}=${text}MB or ${HISTORY_MAX}=${text}B`,
    });
  }
  throw new JavumboError('usage', `${HISTORY_MAX} is not a size: ${JSON.stringify(text)}`, {
    try: `${HISTORY_MAX}=1GB`,
  });
}

function refuseEmpty(flags: Readonly<Record<string, string | undefined>>): void {
  const empty = Object.keys(flags).find((name) => flags[name] === '');
  if (empty === undefined) return;
  throw new JavumboError('usage', `${empty} is empty`, { try: `a value for ${empty}, or leave it out` });
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined || path === '' ? undefined : resolve(path);
}
