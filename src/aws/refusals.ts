import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import { formatAge } from '../core/format.ts';

/** What a reply says of the request's place, time or credentials, and what helps. */
export interface Refusal {
  /** Continues `the endpoint …`. */
  readonly why: string;
  readonly hint: string;
}

const EXPIRED = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired']);
const UNKNOWN_KEY = new Set([
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidToken',
  'UnrecognizedClientException',
]);
const OTHER_SIGNATURE = new Set([
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'XAmzContentSHA256Mismatch',
]);

/** Returns what is wrong with the credentials themselves, or undefined. Every service has its own words. */
export function credentialsRefused(error: unknown): Refusal | undefined {
  const name = error instanceof Error ? error.name : '';
  if (EXPIRED.has(name)) {
    return {
      why: 'refuses it, because the credentials have expired',
      hint: 'fresh credentials: aws sso login, or export them again',
    };
  }
  if (UNKNOWN_KEY.has(name)) {
    return {
      why: 'refuses it',
      hint: 'credentials of that account, in AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN or with --profile',
    };
  }
  if (OTHER_SIGNATURE.has(name)) {
    return {
      why: 'refuses it, because the signature does not fit',
      hint: 'credentials whose AWS_SECRET_ACCESS_KEY belongs to their AWS_ACCESS_KEY_ID',
    };
  }
  return undefined;
}

const REDIRECTED = new Set(['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException']);

/** True if the request was signed for, or sent to, another region than that of its subject. */
export function isWrongRegion(error: unknown): boolean {
  const name = error instanceof Error ? error.name : '';
  const text = messageOf(error);
  if (/scoped to a valid region|the region '[^']*' is wrong/i.test(text)) return true;
  if (name === 'AuthorizationHeaderMalformed') return regionOf(error) !== undefined;
  return REDIRECTED.has(name) || (replyOf(error).status === 301 && regionOf(error) !== undefined);
}

/** Returns the region that a reply names, in its header or in its body. */
export function regionOf(error: unknown): string | undefined {
  const { Region: region } = error as { Region?: unknown };
  const expected = /expecting '([^']+)'/.exec(messageOf(error));
  const named = [replyOf(error).headers['x-amz-bucket-region'], region, expected?.[1]];
  return named.find((each): each is string => typeof each === 'string' && /^[A-Za-z0-9-]{1,63}$/.test(each));
}

// What DynamoDB and Lambda allow; S3 allows three times as much.
const CLOCK_DIFFERENCE_MAX_MS = 5 * 60_000;

/**
 * Returns by how much this machine's clock and the server's differ, such as `2 h`, or undefined if that is not the
 * reason of a refusal. The SDK corrects its own clock by the reply, so the same request can succeed.
 */
export function clockDifferenceOf(error: unknown): string | undefined {
  const name = error instanceof Error ? error.name : '';
  const named =
    name === 'RequestTimeTooSkewed' ||
    name === 'RequestInTheFuture' ||
    (name === 'InvalidSignatureException' && /signature (expired|not yet current)/i.test(messageOf(error)));
  const { status, headers } = replyOf(error);
  const difference = Math.abs(Date.parse(headers.date ?? '') - systemClock.now());
  const far = difference > CLOCK_DIFFERENCE_MAX_MS;
  // A HEAD has no body that could name the reason, and so only the time of its reply.
  if (named || (status === 403 && hasNoName(error) && far)) return far ? formatAge(difference) : 'some minutes';
  return undefined;
}

/** True for the reply to a HEAD: the SDK finds no error in it, and makes one without a name. */
export function hasNoName(error: unknown): boolean {
  return error instanceof Error && /^(Unknown|Forbidden|BadRequest|\d{3}$)/.test(error.name);
}

function replyOf(error: unknown): { status: number | undefined; headers: Readonly<Record<string, string>> } {
  const { $metadata, $response } = (error ?? {}) as {
    $metadata?: { httpStatusCode?: number };
    $response?: { headers?: Record<string, string> };
  };
  return { status: $metadata?.httpStatusCode, headers: $response?.headers ?? {} };
}

/**
 * Returns the error of a HEAD with its name. The reply to a HEAD has no body, so where neither its status nor its
 * headers tell, the same is asked by `get`, whose error has one.
 */
export async function namedErrorOfHead(error: unknown, get: () => Promise<unknown>): Promise<unknown> {
  const { status } = replyOf(error);
  if (!hasNoName(error) || isWrongRegion(error) || (status !== 301 && status !== 400 && status !== 403)) return error;
  try {
    await get();
  } catch (named) {
    const got = replyOf(named).status;
    // Nothing there is what the HEAD would have said itself.
    if (got !== undefined && got >= 300 && got < 500 && got !== 404 && !hasNoName(named)) return named;
  }
  return error;
}
