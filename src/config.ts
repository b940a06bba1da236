import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { JavumboError } from './failure.ts';

/** Where a value came from. */
export type Source = 'flag' | 'environment' | 'profile' | 'default';

export interface Setting<T> {
  readonly value: T;
  readonly source: Source;
  /** The flag, variable or file that decided; absent for a default. */
  readonly name?: string | undefined;
}

// A socket on which nothing moves for so long is dead. A large file on a slow line keeps moving, so that no limit is set
// on a request as a whole.
const TIMEOUT_MS = 15_000;

/** The global options as the command line gave them; undefined where it did not. */
export interface GlobalFlags {
  readonly deployment?: string | undefined;
  readonly bucket?: string | undefined;
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  readonly endpointUrl?: string | undefined;
  readonly dynamodbEndpointUrl?: string | undefined;
  readonly usersTable?: string | undefined;
  readonly locksTable?: string | undefined;
  readonly cacheDir?: string | undefined;
  readonly cacheTtl?: string | undefined;
  readonly rtt?: string | undefined;
  readonly timeout?: string | undefined;
}

/** Everything that decides which deployment a command works on, and how; each value with its origin. */
export interface Config {
  readonly deployment: Setting<'local' | 'aws'>;
  readonly bucket: Setting<string | undefined>;
  readonly region: Setting<string>;
  readonly profile: Setting<string | undefined>;
  /** S3's endpoint; undefined is AWS itself. */
  readonly endpointUrl: Setting<string | undefined>;
  /** DynamoDB's endpoint; undefined is AWS itself, and with a custom endpoint for S3 an omission. */
  readonly dynamodbEndpointUrl: Setting<string | undefined>;
  readonly usersTable: Setting<string>;
  readonly locksTable: Setting<string>;
  readonly home: Setting<string>;
  readonly cacheDir: Setting<string>;
  /** Seconds; undefined where nobody said anything and each command has its own default. */
  readonly cacheTtl: Setting<number | undefined>;
  /** A simulated round trip in milliseconds; undefined for none. */
  readonly rtt: Setting<number | undefined>;
  /** For how many milliseconds a connection to the store may be silent before it is given up. */
  readonly timeout: Setting<number>;
}

/** What a profile of `~/.aws/config` says, as far as it matters here. */
export interface ProfileSettings {
  readonly region?: string | undefined;
  readonly s3EndpointUrl?: string | undefined;
  readonly dynamodbEndpointUrl?: string | undefined;
}

/**
 * Flags before environment before the AWS profile before defaults. The only place that reads the environment.
 * Throws `usage` for values that contradict each other or make no sense; a pipeline must not go green on a deployment
 * that nobody meant.
 */
export function resolveConfig(flags: GlobalFlags, env: NodeJS.ProcessEnv, profile: ProfileSettings = {}): Config {
  refuseEmpty({ '--region': flags.region, '--profile': flags.profile, '--cache-dir': flags.cacheDir });
  const bucket = resolveBucket(flags, env);
  const deployment = resolveDeployment(flags, bucket);
  const endpointUrl = resolveEndpoint(
    given('flag', '--endpoint-url', flags.endpointUrl),
    env,
    'AWS_ENDPOINT_URL_S3',
    profile.s3EndpointUrl,
  );
  const rtt = first<number | undefined>(
    given('flag', '--rtt', parsed(flags.rtt, '--rtt', milliseconds)),
    fallback(undefined),
  );
  if (rtt.value !== undefined && deployment.value === 'aws' && endpointUrl.value === undefined) {
    throw new JavumboError('usage', '--rtt simulates a network, and AWS has a real one', {
      try: 'without --rtt, or with --deployment local',
    });
  }
  return {
    deployment,
    bucket,
    region: first(
      given('flag', '--region', flags.region),
      given('environment', 'AWS_REGION', env.AWS_REGION || undefined),
      given('environment', 'AWS_DEFAULT_REGION', env.AWS_DEFAULT_REGION || undefined),
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
    usersTable: resolveTable(
      given('flag', '--users-table', flags.usersTable),
      given('environment', 'DYNAMODB_USERS_TABLE', env.DYNAMODB_USERS_TABLE || undefined),
      fallback('javumbo-users'),
    ),
    locksTable: resolveTable(
      given('flag', '--locks-table', flags.locksTable),
      given('environment', 'DYNAMODB_LOCKS_TABLE', env.DYNAMODB_LOCKS_TABLE || undefined),
      fallback('javumbo-user-locks'),
    ),
    home: first(
      given('environment', 'JAVUMBO_HOME', absolute(env.JAVUMBO_HOME)),
      fallback(join(env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local', 'share'), 'javumbo')),
    ),
    cacheDir: first(
      given('flag', '--cache-dir', absolute(flags.cacheDir)),
      given('environment', 'JAVUMBO_CACHE_DIR', absolute(env.JAVUMBO_CACHE_DIR)),
      fallback(join(tmpdir(), `javumbo-${process.getuid?.() ?? 'cache'}`)),
    ),
    cacheTtl: first<number | undefined>(
      given('flag', '--cache-ttl', parsed(flags.cacheTtl, '--cache-ttl', seconds)),
      given('environment', 'DB_CACHE_TTL', parsed(env.DB_CACHE_TTL || undefined, 'DB_CACHE_TTL', seconds)),
      fallback(undefined),
    ),
    rtt,
    timeout: first(
      given('flag', '--timeout', parsed(flags.timeout, '--timeout', positiveMilliseconds)),
      fallback(TIMEOUT_MS),
    ),
  };
}

/** Whether requests to AWS or an engine will follow, about which an AWS profile has a say. Throws as `resolveConfig`. */
export function asksProfile(flags: GlobalFlags, env: NodeJS.ProcessEnv): boolean {
  return resolveDeployment(flags, resolveBucket(flags, env)).value === 'aws';
}

/** The AWS profile, decided before the rest: it may hold a region and an endpoint. */
export function resolveProfile(flags: GlobalFlags, env: NodeJS.ProcessEnv): Setting<string | undefined> {
  return first<string | undefined>(
    given('flag', '--profile', flags.profile),
    given('environment', 'AWS_PROFILE', env.AWS_PROFILE || undefined),
    fallback(undefined),
  );
}

// Also the ARN of a table. (DynamoDB's naming rules)
const TABLE = /^[A-Za-z0-9_.-]{3,255}$|^arn:[\x21-\x7e]+$/;

function resolveTable(...candidates: [...(Setting<string> | undefined)[], Setting<string>]): Setting<string> {
  const table = first(...candidates);
  if (TABLE.test(table.value)) return table;
  throw new JavumboError('usage', `${table.name} is not the name of a table: ${JSON.stringify(table.value)}`, {
    try: '3 to 255 letters, digits, underscores, hyphens and dots',
  });
}

// What path style would turn into another path is no bucket's name. AWS also takes the ARN of an access point.
const BUCKET = /^(?!\.+$)[A-Za-z0-9._-]{1,255}$|^arn:[\x21-\x7e]+$/;

function resolveBucket(flags: GlobalFlags, env: NodeJS.ProcessEnv): Setting<string | undefined> {
  const bucket = first<string | undefined>(
    given('flag', '--bucket', flags.bucket),
    given('environment', 'S3_BUCKET', env.S3_BUCKET),
    fallback(undefined),
  );
  if (bucket.value === '') {
    throw new JavumboError('usage', `${bucket.name} is set but empty`, {
      try: `a bucket's name in ${bucket.name}, or unset it for the local deployment`,
    });
  }
  if (bucket.value !== undefined && !BUCKET.test(bucket.value)) {
    throw new JavumboError('usage', `${bucket.name} is not the name of a bucket: ${JSON.stringify(bucket.value)}`, {
      try: 'letters, digits, hyphens and dots',
    });
  }
  return bucket;
}

function refuseEmpty(flags: Readonly<Record<string, string | undefined>>): void {
  const empty = Object.keys(flags).find((name) => flags[name] === '');
  if (empty === undefined) return;
  throw new JavumboError('usage', `${empty} is empty`, { try: `a value for ${empty}, or none of it` });
}

function resolveDeployment(flags: GlobalFlags, bucket: Setting<string | undefined>): Config['deployment'] {
  const wanted = flags.deployment;
  if (wanted === undefined) {
    return bucket.value === undefined
      ? { value: 'local', source: 'default' }
      : { value: 'aws', source: bucket.source, name: bucket.name };
  }
  if (wanted !== 'local' && wanted !== 'aws') {
    throw new JavumboError('usage', `--deployment is local or aws, not ${JSON.stringify(wanted)}`, {
      try: '--deployment local',
    });
  }
  if (wanted === 'aws' && bucket.value === undefined) {
    throw new JavumboError('usage', '--deployment aws needs a bucket', { try: '--bucket <name>, or export S3_BUCKET' });
  }
  if (wanted === 'local' && bucket.source === 'flag') {
    throw new JavumboError('usage', '--deployment local has no bucket, and --bucket names one', {
      try: 'one of the two',
    });
  }
  return { value: wanted, source: 'flag', name: '--deployment' };
}

function resolveEndpoint(
  flag: Setting<string> | undefined,
  env: NodeJS.ProcessEnv,
  variable: 'AWS_ENDPOINT_URL_S3' | 'AWS_ENDPOINT_URL_DYNAMODB',
  ofProfile: string | undefined,
): Setting<string | undefined> {
  // AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is the SDK's own switch; it covers the environment and the profile.
  const ignored = env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS === 'true';
  const configured = <T>(value: T | undefined): T | undefined => (ignored ? undefined : value);
  const endpoint = first<string | undefined>(
    flag,
    given('environment', variable, configured(env[variable] || undefined)),
    given('environment', 'AWS_ENDPOINT_URL', configured(env.AWS_ENDPOINT_URL || undefined)),
    given('profile', 'endpoint_url', configured(ofProfile)),
    fallback(undefined),
  );
  if (endpoint.value !== undefined && !isHttpAddress(endpoint.value)) {
    throw new JavumboError(
      'usage',
      `${endpoint.name} is not an http or https address: ${JSON.stringify(endpoint.value)}`,
      {
        try: flag === undefined ? 'an address such as http://127.0.0.1:7480' : `${flag.name} http://127.0.0.1:7480`,
      },
    );
  }
  return endpoint.value === undefined ? endpoint : { ...endpoint, value: endpoint.value.replace(/\/+$/, '') };
}

function isHttpAddress(text: string): boolean {
  if (!/^https?:\/\/[^/]/.test(text) || !URL.canParse(text)) return false;
  const { search, hash } = new URL(text);
  return search === '' && hash === '';
}

/** A duration such as `171ms`, `0.5s` or `20` (milliseconds), in milliseconds. */
export function milliseconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[(match[2] ?? 'ms') as 'ms' | 's' | 'm' | 'h'];
}

function positiveMilliseconds(text: string): number | undefined {
  const value = milliseconds(text);
  return value === 0 ? undefined : value;
}

/** A number of seconds, such as `300` or `0.5`. */
export function seconds(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
}

function parsed(
  text: string | undefined,
  name: string,
  parse: (text: string) => number | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) {
    const example = parse === seconds ? '300' : parse === milliseconds ? '171ms' : '15s';
    throw new JavumboError('usage', `${name} is not a duration: ${JSON.stringify(text)}`, {
      try: `${name} ${example}`,
    });
  }
  return value;
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined || path === '' ? undefined : resolve(path);
}

function given<T>(source: Source, name: string, value: T | undefined): Setting<T> | undefined {
  return value === undefined ? undefined : { value, source, name };
}

function fallback<T>(value: T): Setting<T> {
  return { value, source: 'default' };
}

function first<T>(...candidates: [...(Setting<T> | undefined)[], Setting<T>]): Setting<T> {
  return candidates.find((candidate) => candidate !== undefined) as Setting<T>;
}
