import { codeOf, JavumboError, messageOf } from '../failure.ts';
import type { DeleteOutcome, PutOutcome } from './store.ts';

/** What a request was about, for its error message. */
export interface S3Subject {
  readonly verb: string;
  /** `database "alice"` or `bucket "b"`. */
  readonly name: string;
  readonly username: string | undefined;
  readonly bucket: string;
  readonly endpoint: string | undefined;
}

/** The HTTP status of a reply that the SDK threw, or undefined when no reply came. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

// No connection was made, so no byte of the request left; but on a connection that exists the same codes can end a
// request that has arrived, so the system call counts too.
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ETIMEDOUT',
]);

// The connection broke, or nobody answered in time: whatever was sent may have arrived.
const BROKEN_OFF = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']);

// S3 says these before it looks at the request. A plain 503 without such a code may come from a proxy that did not.
const THROTTLED = new Set([
  'SlowDown',
  'TooManyRequests',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
]);

function neverLeft(error: unknown): boolean {
  // Node tries several addresses of one host, and then throws all their errors as one.
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(neverLeft);
  const syscall = (error as { syscall?: unknown } | null)?.syscall;
  if (NOT_CONNECTED.has(codeOf(error) ?? '') && (syscall === 'connect' || syscall === 'getaddrinfo')) return true;
  return nameOf(error) === 'TimeoutError' && messageOf(error).includes('did not establish a connection');
}

/** The TLS handshake failed: nothing of the request was sent, and nothing will be until somebody mends it. */
function noTls(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return /wrong version number|handshake failure|unsupported protocol|unknown ca/i.test(messageOf(error));
  }
  return /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/.test(code);
}

// The SDK counts these as passing, and corrects its clock by the reply.
const PASSING = new Set(['RequestTimeout', 'RequestTimeoutException', 'RequestTimeTooSkewed']);

function throttled(error: unknown): boolean {
  return THROTTLED.has(nameOf(error)) || statusOf(error) === 429;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/**
 * What the error of a conditional PUT says about its fate. Returns `conflict` or `unknown`; throws `unavailable` (or
 * another kind) when the put certainly changed nothing.
 *
 * - 412: the condition did not hold. 404 on `If-Match`: S3's word for "deleted"; Ceph says 412.
 * - 409 ConditionalRequestConflict: another write was under way; nobody compared, nothing was written; send it again.
 * - any other reply from 300 to 499: refused.
 * - 5xx, a broken connection, silence: unknown. (prior-art.md, 2.1 and 2.3; Iceberg counts 502 to 504 the same way)
 */
export function whatBecameOfPut(error: unknown, ifMatch: boolean, subject: S3Subject): PutOutcome {
  const status = statusOf(error);
  if (status === 412) return { kind: 'conflict', reason: 'changed' };
  if (status === 404 && ifMatch && nameOf(error) !== 'NoSuchBucket') return { kind: 'conflict', reason: 'deleted' };
  if (certainlyRefused(error) || throttled(error)) throw asReadFailure(error, subject);
  return { kind: 'unknown', cause: error instanceof Error ? error : new Error(String(error)) };
}

/** What became of a DELETE that failed, by the same rules. */
export function whatBecameOfDelete(error: unknown, subject: S3Subject): DeleteOutcome {
  if (statusOf(error) === 412) return { kind: 'conflict' };
  if (nameOf(error) === 'NoSuchKey') return { kind: 'absent' };
  if (certainlyRefused(error) || throttled(error)) throw asReadFailure(error, subject);
  return { kind: 'unknown', cause: error instanceof Error ? error : new Error(String(error)) };
}

/** Refused by a reply, or never sent. A 2xx that could not be read is neither. */
function certainlyRefused(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined) return status >= 300 && status < 500;
  return error instanceof JavumboError || neverLeft(error) || noTls(error) || noCredentials(error);
}

function noCredentials(error: unknown): boolean {
  return nameOf(error) === 'CredentialsProviderError' || nameOf(error) === 'TokenProviderError';
}

/** The failure of a request that reads, or that may be sent again without harm. `retryable` where that can help. */
export function asReadFailure(error: unknown, subject: S3Subject): JavumboError {
  if (error instanceof JavumboError) return error;
  const { username, bucket, endpoint } = subject;
  const where = endpoint ?? 'AWS';
  const what = `${subject.verb} ${subject.name}`;
  const status = statusOf(error);
  const name = nameOf(error);
  const fail = (message: string, hint: string | undefined, retryable = false): JavumboError =>
    new JavumboError('unavailable', message, { try: hint, username, retryable, cause: error });

  if (name === 'NoSuchBucket') {
    return new JavumboError('not-found', `there is no bucket "${bucket}" at ${where}`, {
      try: 'another --bucket, --region or --endpoint-url',
      username,
      cause: error,
    });
  }
  if (noCredentials(error)) {
    return fail(
      `${what}: no AWS credentials: ${messageOf(error)}`,
      'export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --profile',
    );
  }
  if (name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed') {
    return fail(`${what}: bucket "${bucket}" is in another region`, "the bucket's region, with --region");
  }
  if (PASSING.has(name) || status === 408) {
    return fail(`${what}: ${where} answers ${name}`, "the same command again; is this machine's clock right?", true);
  }
  if (noTls(error)) {
    return fail(
      `${what}: no TLS connection to ${where}: ${messageOf(error)}`,
      'http:// or https://, as the endpoint has it',
    );
  }
  if (status === 401 || status === 403) {
    return fail(`${what}: ${where} refuses it (${detailOf(error)})`, 'credentials that may read and write the bucket');
  }
  if (throttled(error) || status === 409)
    return fail(`${what}: ${where} answers ${name}`, 'the same command again in a minute', true);
  if (neverLeft(error)) {
    return fail(
      `${what}: cannot connect to ${where} (${codeOf(error) ?? 'timed out'})`,
      'is the endpoint right, and up?',
      true,
    );
  }
  if (status !== undefined && status >= 500)
    return fail(`${what}: ${where} answers ${status} ${name}`, 'the same command again', true);
  if (BROKEN_OFF.has(codeOf(error) ?? '') || name === 'TimeoutError' || /checksum mismatch/i.test(messageOf(error))) {
    return fail(`${what}: the connection to ${where} broke off: ${messageOf(error)}`, 'the same command again', true);
  }
  return fail(
    `${what}: ${where} answers ${detailOf(error)}`,
    'the same command with --verbose, which prints the causes',
  );
}

/** What the reply says of itself: its error's name, or for a web page, which has none, its status. */
function detailOf(error: unknown): string {
  const name = /^Unknown/.test(nameOf(error)) ? String(statusOf(error) ?? 'nothing that can be read') : nameOf(error);
  return /^Unknown/.test(messageOf(error)) ? name : `${name}: ${messageOf(error)}`;
}
