import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Context } from '../core/context.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { homeOf } from '../core/home.ts';
import { nearest } from '../core/nearest.ts';
import { makePrivateDirectory } from '../core/private-files.ts';
import { replaceFile } from '../core/replace-file.ts';
import type { Config, GlobalFlags, ProfileSettings } from './config.ts';
import { given, type Setting } from './setting.ts';

/** What a context may hold, each with the variable that says the same for one shell. */
const VARIABLES = {
  bucket: 'S3_BUCKET',
  region: 'AWS_REGION',
  profile: 'AWS_PROFILE',
  endpointUrl: 'AWS_ENDPOINT_URL_S3',
  dynamodbEndpointUrl: 'AWS_ENDPOINT_URL_DYNAMODB',
  lambdaEndpointUrl: 'AWS_ENDPOINT_URL_LAMBDA',
  usersTable: 'DYNAMODB_USERS_TABLE',
  locksTable: 'DYNAMODB_LOCKS_TABLE',
  function: 'JAVUMBO_FUNCTION',
  apiUrl: 'JAVUMBO_API_URL',
} as const;

type Key = keyof typeof VARIABLES;
const KEYS = Object.keys(VARIABLES) as Key[];
const ENDPOINTS: readonly Key[] = ['endpointUrl', 'dynamodbEndpointUrl', 'lambdaEndpointUrl'];

/** The settings of one deployment. */
export type DeploymentContext = Readonly<Partial<Record<Key, string>>>;

/** The contexts of this user, and which of them is in use; undefined: the local deployment. */
export interface Contexts {
  readonly current?: string | undefined;
  readonly contexts: Readonly<Record<string, DeploymentContext>>;
}

/** The name that stands for no context. */
export const LOCAL_CONTEXT = 'local';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** Returns the path of the file that holds the contexts. */
export function contextsFile(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME || join(homeOf(env), '.config'), 'javumbo', 'config.json');
}

/** Reads the contexts; there are none without a file. Throws `usage` for a file with anything else, such as a secret. */
export function readContexts(env: NodeJS.ProcessEnv): Contexts {
  const file = contextsFile(env);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return { contexts: {} };
    throw new JavumboError('usage', `${file} cannot be read: ${messageOf(error)}`, { try: `chmod u+r ${file}` });
  }
  const refused = (why: string): never => {
    throw new JavumboError('usage', `${file} ${why}`, { try: `javumbo config save <name>, after a look at ${file}` });
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return refused('is not JSON');
  }
  if (!isRecord(parsed) || !isRecord(parsed.contexts)) return refused('holds no contexts');
  const contexts = Object.entries(parsed.contexts).map(([name, context]) => {
    if (!NAME.test(name) || !isRecord(context)) return refused(`holds a context that is none: ${JSON.stringify(name)}`);
    const stray = Object.entries(context).find(
      ([key, value]) => !isKey(key) || typeof value !== 'string' || value === '',
    );
    // Without its value: it may be a secret.
    if (stray !== undefined)
      return refused(`holds ${JSON.stringify(stray[0])} in context "${name}", which is no setting of one`);
    if (context.bucket === undefined) return refused(`holds no bucket in context "${name}"`);
    refuseSecrets(context as DeploymentContext, `context "${name}"`);
    return [name, context as DeploymentContext] as const;
  });
  const { current } = parsed;
  if (current !== undefined && typeof current !== 'string') return refused('names no context as the current one');
  return { current, contexts: Object.fromEntries(contexts) };
}

/** Replaces the contexts, and returns the file. Throws `usage` where it cannot be written. */
export async function writeContexts(
  { env, random }: Pick<Context, 'env' | 'random'>,
  contexts: Contexts,
): Promise<string> {
  const file = contextsFile(env);
  try {
    makePrivateDirectory(dirname(file));
    await replaceFile(file, `${JSON.stringify(contexts, null, 2)}\n`, { mode: 0o600, random });
  } catch (error) {
    if (error instanceof JavumboError) throw error;
    throw new JavumboError('usage', `${file} cannot be written: ${messageOf(error)}`, {
      try: 'another directory in XDG_CONFIG_HOME',
      cause: error,
    });
  }
  return file;
}

/**
 * Returns the context of that name. Throws `usage` if there is none, and not `not-found`, which is about what a deployment
 * holds: no script may take a wrong context for a user without a database.
 */
export function contextNamed(name: string, { current, contexts }: Contexts): DeploymentContext {
  const context = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (context !== undefined) return context;
  const none = `there is no context ${JSON.stringify(name)}`;
  if (name === current) {
    throw new JavumboError('usage', `${none}, which is the one in use`, { try: `javumbo config use ${LOCAL_CONTEXT}` });
  }
  const meant = nearest(name, Object.keys(contexts));
  throw new JavumboError('usage', meant === undefined ? none : `${none}; did you mean ${meant}?`, {
    try: 'javumbo config list',
  });
}

/** Throws `usage` for a name that no context may have. */
export function parseContextName(name: string): string {
  if (NAME.test(name) && name !== LOCAL_CONTEXT) return name;
  throw new JavumboError('usage', `${JSON.stringify(name)} is not the name of a context`, {
    try: `letters, digits, dots and hyphens, and not "${LOCAL_CONTEXT}"`,
  });
}

/**
 * Returns a configuration as a context: what is no default, and the region, which another profile would change.
 * Throws `usage` without a bucket, and for what looks secret.
 */
export function contextOf(config: Config): DeploymentContext {
  const named = KEYS.map((key) => [key, config[key] as Setting<string | undefined>] as const).filter(
    ([key, { value, source }]) => value !== undefined && (source !== 'default' || key === 'region'),
  );
  const context = Object.fromEntries(named.map(([key, { value }]) => [key, value])) as DeploymentContext;
  if (context.bucket === undefined) {
    throw new JavumboError('usage', 'a context names a bucket, and none is configured', {
      try: '--bucket <name>, or export S3_BUCKET',
    });
  }
  refuseSecrets(context, 'the context');
  return context;
}

/** Returns the names of what two contexts have otherwise. */
export function differencesOf(one: DeploymentContext, other: DeploymentContext): readonly string[] {
  return KEYS.filter((key) => one[key] !== other[key]);
}

// An id of an access key, a secret one, or a signed address.
const SECRET = /\b(AKIA|ASIA)[A-Z0-9]{16}\b|^[A-Za-z0-9/+]{40}$|X-Amz-|[?&](token|key|password|secret)=|:\/\/[^/]*@/i;

function refuseSecrets(context: DeploymentContext, what: string): void {
  const key = KEYS.find((each) => SECRET.test(context[each] ?? ''));
  if (key === undefined) return;
  throw new JavumboError('usage', `${key} of ${what} looks like a secret, and none belongs into a context`, {
    try: 'credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in an AWS profile',
  });
}

/** The environment that a context has filled up, and how to say so of the settings that come from there. */
export interface ContextualEnvironment {
  readonly env: NodeJS.ProcessEnv;
  /** What counts of an AWS profile: a context names every endpoint itself. */
  readonly profile: (settings: ProfileSettings) => ProfileSettings;
  readonly label: (config: Config) => Config;
}

/**
 * Adds a context's settings to the environment, where flags and environment say nothing. The one of `config use` is not
 * taken where they name a deployment already: half of one and half of another would be neither. Throws `usage` for a
 * `--context` that there is not, or that contradicts them.
 */
export function withContext(flags: GlobalFlags, env: NodeJS.ProcessEnv): ContextualEnvironment {
  const none: ContextualEnvironment = { env, profile: (settings) => settings, label: (config) => config };
  const { context: asked, deployment, terraform, bucket } = flags;
  const others = {
    '--deployment local': deployment === 'local' && asked !== LOCAL_CONTEXT,
    '--terraform': terraform !== undefined,
    '--bucket': bucket !== undefined && asked === LOCAL_CONTEXT,
  };
  const other = Object.entries(others).find(([, isGiven]) => isGiven)?.[0];
  const isElsewhere =
    deployment === 'local' || other !== undefined || bucket !== undefined || env.S3_BUCKET !== undefined;
  if (asked === undefined && isElsewhere) return none;
  if (asked !== undefined && other !== undefined) {
    throw new JavumboError('usage', `--context and ${other} each name a deployment`, { try: 'one of the two' });
  }
  if (asked === LOCAL_CONTEXT) return { ...none, env: { ...env, S3_BUCKET: undefined } };
  const { current, contexts } = readContexts(env);
  const name = asked ?? current;
  if (name === undefined) return none;
  const context = contextNamed(name, { current: asked === undefined ? current : undefined, contexts });
  refuseOtherBucket(flags, env, name, context);
  const filled = filledWith(context, env);
  return {
    env: filled,
    profile: ({ region }) => ({ region }),
    label: (config) => {
      const ours = labelled(config, name, (variable) => filled[variable] !== env[variable]);
      const asCurrent = asked === undefined ? contextsFile(env) : undefined;
      return { ...ours, context: { ...chosen(name, asCurrent), overrides: overridesOf(ours, name, context, env) } };
    },
  };
}

/** True where the SDK's switch turns off endpoints of the environment; a context's stay. */
function isIgnoring(env: NodeJS.ProcessEnv): boolean {
  return env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS === 'true';
}

/**
 * Returns the environment in which a context stands where nothing that is meant for one setting says otherwise. What is
 * meant for every service of AWS is left aside, also where the context names no endpoint and AWS is meant.
 */
function filledWith(context: DeploymentContext, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const isSaid = (key: Key): boolean => {
    if (ENDPOINTS.includes(key) && isIgnoring(env)) return false;
    return Boolean(env[VARIABLES[key]] || (key === 'region' && env.AWS_DEFAULT_REGION));
  };
  const ours = KEYS.filter((key) => !isSaid(key)).map((key) => [VARIABLES[key], context[key]] as const);
  return {
    ...env,
    AWS_ENDPOINT_URL: undefined,
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: undefined,
    ...Object.fromEntries(ours),
  };
}

function chosen(value: string, file: string | undefined): Setting<string> {
  return file === undefined ? { value, source: 'flag', name: '--context' } : { value, source: 'context', name: file };
}

function labelled(config: Config, context: string, isFilled: (variable: string) => boolean): Config {
  const settings = Object.entries(config as unknown as Record<string, Setting<unknown>>).map(([key, setting]) => {
    const isOurs = setting.source === 'environment' && isFilled(setting.name ?? '');
    return [key, isOurs ? given('context', context, setting.value) : setting];
  });
  return Object.fromEntries(settings) as Config;
}

/** Says what is not as the context has it. An AWS profile alone is none of it: it only gives credentials. */
function overridesOf(config: Config, name: string, context: DeploymentContext, env: NodeJS.ProcessEnv): string[] {
  const isElsewhere = (key: Key): boolean => ['flag', 'environment'].includes(config[key].source);
  const overrides = KEYS.filter((key) => key !== 'profile' || context.profile !== undefined)
    .filter((key) => isElsewhere(key) && config[key].value !== context[key])
    .map((key) => {
      const { name: from, value } = config[key];
      return `${from} instead of the ${key} of context ${name}: ${value}, not ${context[key] ?? 'none'}`;
    });
  const everywhere = isIgnoring(env) ? undefined : env.AWS_ENDPOINT_URL?.replace(/\/+$/, '');
  const isLeftAside = everywhere && ENDPOINTS.some((key) => !isElsewhere(key) && config[key].value !== everywhere);
  return isLeftAside
    ? [...overrides, `AWS_ENDPOINT_URL is left aside: context ${name} says where everything is`]
    : overrides;
}

/** Throws `usage` for a bucket beside --context that is another one: tables and endpoints would be the context's. */
function refuseOtherBucket(flags: GlobalFlags, env: NodeJS.ProcessEnv, name: string, context: DeploymentContext): void {
  const isFlag = flags.bucket !== undefined;
  const bucket = flags.bucket ?? env.S3_BUCKET;
  if (bucket === undefined || bucket === context.bucket) return;
  const [other, ours] = [bucket, context.bucket].map((each) => JSON.stringify(each));
  const what = `${isFlag ? '--bucket' : 'S3_BUCKET'} ${other} and --context ${name} (bucket ${ours}) name two buckets`;
  throw new JavumboError('usage', what, {
    try: isFlag ? 'one of the two' : 'unset S3_BUCKET, or the command without --context',
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKey(key: string): key is Key {
  return Object.hasOwn(VARIABLES, key);
}
