/** Interprets errors of the AWS SDK, whatever the service. */
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { ProxyError } from './proxy.ts';
import { clockDifferenceOf, credentialsRefused, hasNoName, isWrongRegion, regionOf } from './refusals.ts';
import { UnsentError } from './unsent.ts';
import { unsentFailure } from './unsent-failure.ts';

/** Returns the HTTP status of a thrown reply, or undefined if there was no reply. */
export function statusOf(error: unknown): number | undefined {
  return (error as { $metadata?: { httpStatusCode?: number } } | null)?.$metadata?.httpStatusCode;
}

// No connection was made, so nothing was sent. On an existing connection the same codes can end a request that has
// arrived, so the system call is checked too.
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'ETIMEDOUT',
]);

// The connection broke or timed out: the request may have arrived.
const BROKEN_OFF = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ERR_STREAM_PREMATURE_CLOSE']);

// The service answers these before it looks at the request. A plain 503 without such a code may come from a proxy after
// forwarding it.
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
  if (error instanceof ProxyError) return true;
  // Node tries several addresses of a host and throws all their errors as one.
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(neverLeft);
  const syscall = (error as { syscall?: unknown } | null)?.syscall;
  if (NOT_CONNECTED.has(codeOf(error) ?? '') && (syscall === 'connect' || syscall === 'getaddrinfo')) return true;
  return errorNameOf(error) === 'TimeoutError' && messageOf(error).includes('did not establish a connection');
}

/** The TLS handshake failed: nothing was sent, nor will be until the cause is fixed. */
function noTls(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_')) {
    return /wrong version number|handshake failure|unsupported protocol|unknown ca/i.test(messageOf(error));
  }
  return /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF))/.test(code);
}

// Transient according to the SDK.
const PASSING = new Set(['RequestTimeout', 'RequestTimeoutException']);

// DynamoDB answers these with status 400; refusals.ts knows what is wrong with credentials themselves.
const REFUSED = new Set(['AccessDeniedException', 'MissingAuthenticationTokenException']);

function throttled(error: unknown): boolean {
  return THROTTLED.has(errorNameOf(error)) || statusOf(error) === 429;
}

/** Returns the error's name: the service's error code. */
export function errorNameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

/** True if a request certainly changed nothing: refused, throttled or never sent. False for an unreadable 2xx. */
export function certainlyRefused(error: unknown): boolean {
  if (error instanceof UnsentError) return true;
  if (throttled(error)) return true;
  const status = statusOf(error);
  // 501: the request is not supported.
  if (status !== undefined) return (status >= 300 && status < 500) || status === 501;
  return error instanceof JavumboError || neverLeft(error) || noTls(error);
}

/**
 * True for a reply without an error code of the service: a page or nothing. `NotFound` is what the SDK calls such a 404;
 * what it cannot parse has the names of JavaScript.
 */
function isUnnamed(error: unknown): boolean {
  return ['Unknown', 'UnknownError', 'NotFound', 'Error', 'SyntaxError'].includes(errorNameOf(error));
}

/** Describes a reply by its error's name, or for a web page, which has none, by its status. */
function detailOf(error: unknown): string {
  const name = /^Unknown/.test(errorNameOf(error))
    ? String(statusOf(error) ?? 'nothing that can be read')
    : errorNameOf(error);
  return /^Unknown/.test(messageOf(error)) ? name : `${name}: ${messageOf(error)}`;
}

/**
 * True if the credentials are valid but not sufficient, also for a failure made from such an error. Unlike a wrong or
 * expired key, with which nothing works.
 */
export function isAccessDenied(error: unknown): boolean {
  const cause = error instanceof JavumboError ? error.cause : error;
  if (cause instanceof UnsentError) return false;
  if (errorNameOf(cause).startsWith('AccessDenied')) return true;
  // The reply to a HEAD has no body, so only its status shows.
  return statusOf(cause) === 403 && hasNoName(cause) && clockDifferenceOf(cause) === undefined;
}

/** The subject of a request, for its error message. */
export interface AwsRequest {
  /** Verb and object: `get database "alice"`. */
  readonly what: string;
  /** The endpoint, or `AWS`. */
  readonly where: string;
  readonly username: string | undefined;
  /** What the credentials must allow. */
  readonly rights: string;
}

/**
 * Returns the failure of an idempotent request, `retryable` if sending it again may help. Errors specific to one
 * service must have been handled before.
 */
export function asAwsFailure(error: unknown, { what, where, username, rights }: AwsRequest): JavumboError {
  if (error instanceof JavumboError) return error;
  if (error instanceof UnsentError) return unsentFailure(error, what, username);
  const status = statusOf(error);
  const name = errorNameOf(error);
  const fail = (message: string, hint: string | undefined, retryable = false): JavumboError =>
    new JavumboError('unavailable', `${what}: ${message}`, {
      try: hint,
      username,
      retryable,
      sent: status !== undefined,
      unnamed: status !== undefined && status !== 407 && isUnnamed(error),
      cause: error,
    });

  const clocks = clockDifferenceOf(error);
  if (clocks !== undefined) {
    const message = `this machine's clock and that of ${where} differ by ${clocks}`;
    return fail(`${message} (${detailOf(error)})`, "set this machine's clock, and the same command again", true);
  }
  if (PASSING.has(name) || status === 408) {
    return fail(`${where} answers ${name}`, 'the same command again', true);
  }
  if (isWrongRegion(error)) {
    const region = regionOf(error);
    const message = region === undefined ? 'another region' : `region ${region}`;
    return fail(
      `${where} sends it to ${message}`,
      region === undefined ? 'its region, with --region' : `--region ${region}`,
    );
  }
  if (noTls(error)) {
    return fail(`no TLS connection to ${where}: ${messageOf(error)}`, 'http:// or https://, as the endpoint has it');
  }
  const refused = credentialsRefused(error);
  if (refused !== undefined) return fail(`${where} ${refused.why} (${detailOf(error)})`, refused.hint);
  if (REFUSED.has(name) || status === 401 || status === 403) {
    return fail(`${where} refuses it (${detailOf(error)})`, `credentials that may ${rights}`);
  }
  if (throttled(error) || status === 409) {
    return fail(`${where} answers ${name}`, 'the same command again in a minute', true);
  }
  if (status === 407) {
    return fail(`the proxy before ${where} answers 407`, 'user and password of the proxy, in HTTP_PROXY');
  }
  if (error instanceof ProxyError) {
    return fail(`cannot connect to ${where}: ${messageOf(error)}`, 'the right HTTPS_PROXY, or NO_PROXY', true);
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
  if (name === 'EndlessReply')
    return fail(`the reply of ${where} has no end: ${messageOf(error)}`, 'is the endpoint right?');
  return fail(`${where} answers ${detailOf(error)}`, 'the same command with --verbose, which prints the causes');
}
