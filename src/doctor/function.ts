import { isAccessDenied } from '../aws/errors.ts';
import type { Config } from '../config/config.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { packageVersion } from '../core/package-information.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { askApi, healthyVersion } from '../function/health.ts';
import type { ResultOf } from '../function/protocol.ts';
import type { FunctionDescription } from '../function/remote-function.ts';
import { examined, type Finding, ok, unsafe, warning } from './finding.ts';

/** The least that Day 1 gives the function. */
const DAY_1 = { memoryMb: 512, timeoutSeconds: 30, temporaryStorageMb: 2_048 } as const;
/** Variables that the function needs. */
const NEEDED = ['S3_BUCKET', 'DYNAMODB_USERS_TABLE', 'DYNAMODB_LOCKS_TABLE'];
const RUNTIME = /^nodejs(2[2-9]|[3-9]\d)\.x$/;
const MEND = 'terraform -chdir=infra apply';

/** Examines whether the function exists, has what Day 1 gives it, and answers like this version. */
export function examineFunction(deployment: Deployment): Promise<Finding[]> {
  return examined('function', async () => {
    const client = await deployment.function();
    let description: FunctionDescription;
    try {
      description = await client.describe();
    } catch (error) {
      if (!(error instanceof JavumboError) || error.kind !== 'not-found') throw error;
      return [unsafe('function', error.message, error.try ?? MEND)];
    }
    const found = description.kind === 'local' ? [localFinding()] : limitsOf(description);
    return [...found, ...(await examined('function.code', () => examineCode(deployment)))];
  });
}

function localFinding(): Finding {
  return ok('function', 'it is child processes on this machine, which are held to no limits');
}

function limitsOf(description: FunctionDescription): Finding[] {
  const { name, runtime, architecture, state, lastUpdateStatus, environment } = description;
  const atLeast = (id: string, what: string, actual: number, needed: number, unit: string): Finding =>
    actual >= needed
      ? ok(`function.${id}`, `${what}: ${actual} ${unit}`)
      : warning(`function.${id}`, `${what}: ${actual} ${unit}, and Day 1 has ${needed} ${unit}`, MEND);
  const missing = NEEDED.filter((variable) => !environment.includes(variable));
  return [
    state === 'Active' || state === 'Inactive'
      ? ok('function', `"${name}" is there, ${architecture}, ${state}`)
      : unsafe('function', `"${name}" is ${state}`, 'javumbo function describe'),
    ...(lastUpdateStatus === undefined ? [] : [updateFinding(lastUpdateStatus)]),
    RUNTIME.test(runtime)
      ? ok('function.runtime', runtime)
      : warning('function.runtime', `${runtime}, and the function needs nodejs22.x or later`, MEND),
    atLeast('memory', 'memory', description.memoryMb, DAY_1.memoryMb, 'MB'),
    atLeast('time-limit', 'time limit', description.timeoutSeconds, DAY_1.timeoutSeconds, 's'),
    atLeast('temporary-storage', '/tmp', description.temporaryStorageMb, DAY_1.temporaryStorageMb, 'MB'),
    missing.length === 0
      ? ok('function.environment', `it names bucket and tables`)
      : warning('function.environment', `${missing.join(', ')} is not in its environment`, MEND),
  ];
}

/** Until an update succeeds, calls reach the previous code. */
function updateFinding(status: string): Finding {
  const message = `last update: ${status}`;
  if (status === 'Successful') return ok('function.update', message);
  return warning('function.update', message, 'javumbo function describe, and javumbo function deploy where it failed');
}

async function examineCode(deployment: Deployment): Promise<Finding[]> {
  const client = await deployment.function();
  try {
    const { version, result } = await client.call({ operation: 'ping' });
    const own = packageVersion();
    const code =
      version === own
        ? ok('function.code', `it answers as javumbo ${version}`)
        : warning('function.code', `it answers as javumbo ${version}, and this is ${own}`, 'javumbo function deploy');
    return [code, ...(result.deployment === undefined ? [] : [placeFinding(result.deployment, deployment.config)])];
  } catch (error) {
    if (!(error instanceof JavumboError) || error.retryable || isAccessDenied(error)) throw error;
    // It throws, is not ours, times out, or cannot start.
    if (error.kind !== 'violation' && error.kind !== 'unavailable') throw error;
    return [unsafe('function.code', error.message, error.try ?? 'javumbo function deploy')];
  }
}

/** Examines whether the function uses the same deployment as this command. */
function placeFinding(
  its: NonNullable<ResultOf<'ping'>['deployment']>,
  { bucket, usersTable, locksTable }: Config,
): Finding {
  const pairs = [
    ['bucket', its.bucket ?? '', bucket.value ?? ''],
    ['users table', its.usersTable, usersTable.value],
    ['locks table', its.locksTable, locksTable.value],
  ] as const;
  const other = pairs.filter(([, theirs, ours]) => !isSame(theirs, ours));
  if (other.length === 0) return ok('function.deployment', 'it works on the same bucket and tables');
  const differences = other.map(([what, theirs, ours]) => `${what} "${theirs}", and here "${ours}"`);
  return unsafe('function.deployment', `it works on another deployment: ${differences.join('; ')}`, MEND);
}

/** True if both name the same resource; one may be a name and the other its ARN. */
function isSame(left: string, right: string): boolean {
  const name = (text: string): string => (text.startsWith('arn:') ? (text.split(/[:/]/).at(-1) ?? '') : text);
  return name(left) === name(right);
}

/** Examines whether the HTTP API passes requests on to the function. */
export function examineApi({ config }: Deployment, signal: AbortSignal | undefined): Promise<Finding[]> {
  const url = config.apiUrl.value;
  return examined('api', async () => {
    if (url === undefined) {
      if (config.function.value === 'local') return [];
      return [warning('api', 'nothing says where the HTTP API is', '--api-url, JAVUMBO_API_URL, or --terraform infra')];
    }
    try {
      const answer = await askApi(url, config, signal);
      const version = healthyVersion(answer);
      if (version === undefined) {
        return [
          unsafe('api', `${url} does not answer as the function does (status ${answer.status})`, 'javumbo verify day1'),
        ];
      }
      const secure = new URL(url).protocol === 'https:';
      const message = `${url} answers as javumbo ${version}`;
      return [secure ? ok('api', message) : warning('api', `${message}, and not over HTTPS`, 'the https:// address')];
    } catch (error) {
      if (!(error instanceof JavumboError) || error.kind !== 'unavailable') throw error;
      return [unsafe('api', messageOf(error), error.try ?? '--api-url')];
    }
  });
}
