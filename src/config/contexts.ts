import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Context } from '../core/context.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { homeOf } from '../core/home.ts';
import { makePrivateDirectory } from '../core/private-files.ts';
import { replaceFile } from '../core/replace-file.ts';
import type { Config, GlobalFlags } from './config.ts';
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

/** Throws `usage` for a name that no context may have. */
export function parseContextName(name: string): string {
  if (NAME.test(name) && name !== LOCAL_CONTEXT) return name;
  throw new JavumboError('usage', `${JSON.stringify(name)} is not the name of a context`, {
    try: `letters, digits, dots and hyphens, and not "${LOCAL_CONTEXT}"`,
  });
}

/** Returns what of a configuration was given, as a context. Throws `usage` without a bucket, and for what looks secret. */
export function contextOf(config: Config): DeploymentContext {
  const named = KEYS.map((key) => [key, config[key] as Setting<string | undefined>] as const).filter(
    ([, { value, source }]) => value !== undefined && source !== 'default' && source !== 'profile',
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
  readonly label: (config: Config) => Config;
}

/**
 * Adds a context's settings to the environment, where flags and environment say nothing. The one of `config use` is not
 * taken where they name a deployment already: half of one and half of another would be neither. Throws `usage` for a
 * `--context` that there is not, or that contradicts them.
 */
export function withContext(flags: GlobalFlags, env: NodeJS.ProcessEnv): ContextualEnvironment {
  const none = { env, label: (config: Config) => config };
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
  const context = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (context === undefined) {
    throw new JavumboError('usage', `there is no context ${JSON.stringify(name)}`, {
      try: asked === undefined ? `javumbo config use ${LOCAL_CONTEXT}` : 'javumbo config list',
    });
  }
  refuseOtherBucket(flags, env, name, context);
  const filled = new Map(
    KEYS.flatMap((key) => {
      const variable = VARIABLES[key];
      const isSaid = env[variable] || (variable.includes('ENDPOINT') && env.AWS_ENDPOINT_URL);
      const isRegion = variable === 'AWS_REGION' && env.AWS_DEFAULT_REGION;
      return context[key] === undefined || isSaid || isRegion ? [] : [[variable as string, context[key]] as const];
    }),
  );
  return {
    env: { ...env, ...Object.fromEntries(filled) },
    label: (config) => ({ ...labelled(config, name, filled), context: { value: name, ...sourceOf(asked, env) } }),
  };
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

function sourceOf(asked: string | undefined, env: NodeJS.ProcessEnv): Omit<Setting<string>, 'value'> {
  return asked === undefined ? { source: 'context', name: contextsFile(env) } : { source: 'flag', name: '--context' };
}

function labelled(config: Config, context: string, filled: ReadonlyMap<string, string>): Config {
  const settings = Object.entries(config as unknown as Record<string, Setting<unknown>>).map(([key, setting]) => {
    const isOurs = setting.source === 'environment' && filled.has(setting.name ?? '');
    return [key, isOurs ? given('context', context, setting.value) : setting];
  });
  return Object.fromEntries(settings) as Config;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isKey(key: string): key is Key {
  return Object.hasOwn(VARIABLES, key);
}
