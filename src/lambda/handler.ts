import type * as z from 'zod';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { NO_USAGE, usageSince } from '../core/usage.ts';
import type { DeploymentData } from '../deployment/deployment.ts';
import {
  type FunctionFailure,
  type FunctionTimings,
  OPERATIONS,
  type ResultOf,
  requestSchema,
} from '../function/protocol.ts';
import { failureOf, type OperationContext, runOperation } from './operations.ts';
import { type Cleaned, TemporaryFiles } from './temporary-files.ts';

export interface HandlerOptions {
  /** Opens the deployment at the first call, and again at the next one if that failed. */
  readonly open: () => Promise<DeploymentData>;
  readonly version: string;
  readonly description: ResultOf<'ping'>;
  readonly clock: Clock;
  readonly random: Random;
  /** The start of the process on `clock.monotonic`. */
  readonly startedAt: number;
}

export type Handler = (event: unknown) => Promise<unknown>;

/**
 * Creates the function for one container, which takes one call at a time. A direct call names an operation and is
 * answered with its result or failure; only a defect of the runtime fails the call itself. A request through the HTTP
 * API always gets a health answer. Cleans the container's /tmp after every call, even a failed one.
 */
export function createHandler(options: HandlerOptions): Handler {
  const { clock, random, version, description } = options;
  const id = random.hex(8);
  const initMs = clock.monotonic() - options.startedAt;
  let invocations = 0;
  let opened: { readonly deployment: DeploymentData; readonly temporaryFiles: TemporaryFiles } | undefined;

  const open = async (): Promise<NonNullable<typeof opened>> => {
    if (opened !== undefined) return opened;
    const deployment = await options.open();
    const temporaryFiles = new TemporaryFiles(deployment.config.cacheDir.value, { clock, random });
    opened = { deployment, temporaryFiles };
    return opened;
  };

  const cleanAfterCall = async (bytes: number): Promise<{ cleaned?: Cleaned }> => {
    try {
      return { cleaned: (await open()).temporaryFiles.cleanAfterCall(bytes) };
    } catch {
      // The answer stands; the next call tries again.
      return {};
    }
  };

  const call = async (event: unknown): Promise<unknown> => {
    const startedAt = clock.monotonic();
    const before = opened?.deployment.usage() ?? NO_USAGE;
    let attempts = 0;
    let outcome: { readonly result: unknown } | { readonly error: FunctionFailure };
    let phases: Partial<FunctionTimings> = {};
    try {
      const request = parseRequest(event);
      const context: OperationContext = { ...(await open()), clock, random, description, onAttempt: () => attempts++ };
      const done = await runOperation(request, context);
      phases = done.phases ?? {};
      outcome = { result: done.result };
    } catch (error) {
      outcome = { error: describeFailure(failureOf(error), attempts) };
    }
    const totalMs = clock.monotonic() - startedAt;
    const { store: requests, tables: tableRequests } = usageSince(before, opened?.deployment.usage() ?? NO_USAGE);
    const cleaned = await cleanAfterCall(requests.bytesDown + requests.bytesUp);
    const cleanupMs = clock.monotonic() - startedAt - totalMs;
    return {
      service: 'javumbo',
      version,
      operation: operationOf(event),
      ...outcome,
      container: { id, warm: invocations > 1, invocations, initMs },
      timings: { ...phases, totalMs, cleanupMs },
      requests,
      tableRequests,
      ...cleaned,
    };
  };

  return async (event) => {
    invocations++;
    if (!cameThroughApi(event)) return call(event);
    await cleanAfterCall(0);
    return healthAnswer(version);
  };
}

/** True for an event of API Gateway: of an HTTP API in either payload format, or of a REST API. */
function cameThroughApi(event: unknown): boolean {
  return (
    typeof event === 'object' &&
    event !== null &&
    ['requestContext', 'routeKey', 'httpMethod'].some((key) => key in event)
  );
}

function healthAnswer(version: string): object {
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify({ service: 'javumbo', status: 'ok', version }),
  };
}

function parseRequest(event: unknown): z.infer<typeof requestSchema> {
  const parsed = requestSchema.safeParse(event);
  if (parsed.success) return parsed.data;
  const known = OPERATIONS.includes(operationOf(event) as (typeof OPERATIONS)[number]);
  if (!known) {
    throw new JavumboError('usage', 'the event names no operation of this function', {
      try: `{"operation": …}, which is one of ${OPERATIONS.join(', ')}`,
    });
  }
  const [issue] = parsed.error.issues;
  throw new JavumboError('usage', `${operationOf(event)}: ${[...(issue?.path ?? []), issue?.message].join(': ')}`, {
    try: 'the fields that the operation takes',
  });
}

function operationOf(event: unknown): string {
  const operation = (event as { operation?: unknown } | null)?.operation;
  return typeof operation === 'string' ? operation.slice(0, 64) : '';
}

function describeFailure(failure: JavumboError, attempts: number): FunctionFailure {
  const { kind, message, try: hint, username, expectedVersion, actualVersion } = failure;
  return {
    // Calls of the function are never interrupted.
    kind: kind === 'interrupted' ? 'internal' : kind,
    message,
    ...(hint === undefined ? {} : { try: hint }),
    ...(username === undefined ? {} : { username }),
    ...(expectedVersion === undefined ? {} : { expectedVersion }),
    ...(actualVersion === undefined ? {} : { actualVersion }),
    ...(attempts === 0 ? {} : { attempts }),
  };
}
