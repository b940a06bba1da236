/** What the errors of the AWS SDK say about a request, whatever the service. */
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';

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

// The service says these before it looks at the request. A plain 503 without such a code may come from a proxy that did not.
const THROTTLED = new Set([
  'SlowDown',
  'TooManyRequests',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'ProvisionedThroughputExceededException',
]);

function neverLeft(error: unknown): boolean {
  // Node tries several addresses of one host, and then throws all their errors as one.
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(neverLeft);
  const syscall = (error as { syscall?: unknown } | null)?.syscall;
  if (NOT_CONNECTED.has(codeOf(error) ?? '') && (syscall === 'connect' || syscall === 'getaddrinfo')) return true;
  return errorNameOf(error) === 'TimeoutError' && messageOf(error).includes('did not establish a connection');
}

/** The TLS handshake failed: nothing of the request was sent, and nothing will be until somebody mends it. */
function noTls(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return /wrong version number|handshake failure|unsupported protocol|unknown ca/i.test(messageOf(error));
  }
  return /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/.test(code);
}

// The SDK counts these as passing.
const PASSING = new Set(['RequestTimeout', 'RequestTimeoutException']);

// DynamoDB says these with status 400.
const REFUSED = new Set([
  'AccessDeniedException',
  'UnrecognizedClientException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'MissingAuthenticationTokenException',
  'ExpiredTokenException',
]);

/** The clocks are too far apart. The SDK has corrected its own by the reply, so that the same request can succeed. */
function clockWasOff(error: unknown): boolean {
  if (errorNameOf(error) === 'RequestTimeTooSkewed') return true;
  return (
    errorNameOf(error) === 'InvalidSignatureException' && /signature (expired|not yet current)/i.test(messageOf(error))
  );
}

function throttled(error: unknown): boolean {
  return THROTTLED.has(errorNameOf(error)) || statusOf(error) === 429;
}

/** The error's name, which is the code that the service gave it. */
export function errorNameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** Refused by a reply, turned away by a throttle, or never sent: it changed nothing. A 2xx that could not be read is none of them. */
export function certainlyRefused(error: unknown): boolean {
  if (throttled(error)) return true;
  const status = statusOf(error);
  // 501: it does not know such a request.
  if (status !== undefined) return (status >= 300 && status < 500) || status === 501;
  return error instanceof JavumboError || neverLeft(error) || noTls(error) || noCredentials(error);
}

function noCredentials(error: unknown): boolean {
  return errorNameOf(error) === 'CredentialsProviderError' || errorNameOf(error) === 'TokenProviderError';
}

/** What the reply says of itself: its error's name, or for a web page, which has none, its status. */
function detailOf(error: unknown): string {
  const name = /^Unknown/.test(errorNameOf(error))
    ? String(statusOf(error) ?? 'nothing that can be read')
    : errorNameOf(error);
  return /^Unknown/.test(messageOf(error)) ? name : `${name}: ${messageOf(error)}`;
}

/**
 * The service knows who asks, and does not let them; also of a failure that was made of such an error. Unlike a wrong or an
 * expired key, with which nothing is to be had anywhere.
 */
export function isAccessDenied(error: unknown): boolean {
  const cause = error instanceof JavumboError ? error.cause : error;
  if (errorNameOf(cause).startsWith('AccessDenied')) return true;
  // The reply to a HEAD has no body that could say more than its status.
  return statusOf(cause) === 403 && /^(Forbidden|Unknown|403)/.test(errorNameOf(cause));
}

/** What a request was about, for its error message. */
export interface AwsRequest {
  /** Verb and object: `get database "alice"`. */
  readonly what: string;
  /** The endpoint, or AWS. */
  readonly where: string;
  readonly username: string | undefined;
  /** What the credentials must allow. */
  readonly rights: string;
}

/**
 * The failure of a request that reads, or that may be sent again without harm. `retryable` where that can help.
 * Errors that mean something in one service alone must have been dealt with before.
 */
export function asAwsFailure(error: unknown, { what, where, username, rights }: AwsRequest): JavumboError {
  if (error instanceof JavumboError) return error;
  const status = statusOf(error);
  const name = errorNameOf(error);
  const fail = (message: string, hint: string | undefined, retryable = false): JavumboError =>
    new JavumboError('unavailable', `${what}: ${message}`, {
      try: hint,
      username,
      retryable,
      sent: status !== undefined,
      cause: error,
    });

  if (noCredentials(error)) {
    return fail(
      `no AWS credentials: ${messageOf(error)}`,
      'export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or --profile',
    );
  }
  if (PASSING.has(name) || clockWasOff(error) || status === 408) {
    return fail(`${where} answers ${name}`, "the same command again; is this machine's clock right?", true);
  }
  if (noTls(error)) {
    return fail(`no TLS connection to ${where}: ${messageOf(error)}`, 'http:// or https://, as the endpoint has it');
  }
  if (REFUSED.has(name) || status === 401 || status === 403) {
    return fail(`${where} refuses it (${detailOf(error)})`, `credentials that may ${rights}`);
  }
  if (throttled(error) || status === 409) {
    return fail(`${where} answers ${name}`, 'the same command again in a minute', true);
  }
  if (neverLeft(error)) {
    return fail(`cannot connect to ${where} (${codeOf(error) ?? 'timed out'})`, 'is the endpoint right, and up?', true);
  }
  if (status !== undefined && status >= 500 && status !== 501) {
    return fail(`${where} answers ${status} ${name}`, 'the same command again', true);
  }
  if (BROKEN_OFF.has(codeOf(error) ?? '') || name === 'TimeoutError' || /checksum mismatch/i.test(messageOf(error))) {
    return fail(`the connection to ${where} broke off: ${messageOf(error)}`, 'the same command again', true);
  }
  return fail(`${where} answers ${detailOf(error)}`, 'the same command with --verbose, which prints the causes');
}
