import { asAwsFailure, certainlyRefused, errorNameOf } from '../aws/errors.ts';
import { JavumboError, messageOf } from '../core/failure.ts';

/** What a request to Lambda was about, for its error message. */
export interface LambdaSubject {
  /** Verb and object: `call function "javumbo-api"`. */
  readonly what: string;
  readonly name: string;
  /** The action that the credentials must allow: `lambda:InvokeFunction`. */
  readonly action: string;
  readonly endpoint: string | undefined;
}

// With status 5xx, and still said before the function is started. (Lambda API reference, Invoke)
const NOT_STARTED = new Set([
  'EC2AccessDeniedException',
  'ENILimitReachedException',
  'InvalidRuntimeException',
  'InvalidSecurityGroupIDException',
  'InvalidSubnetIDException',
  'InvalidZipFileException',
  'KMSAccessDeniedException',
  'KMSDisabledException',
  'KMSInvalidStateException',
  'KMSNotFoundException',
  'SubnetIPAddressLimitReachedException',
]);

// Likewise not started, and over by itself: whatever the function needs is not ready yet.
const NOT_READY = new Set([
  'EC2ThrottledException',
  'EC2UnexpectedException',
  'EFSMountConnectivityException',
  'EFSMountTimeoutException',
  'ENINotReadyException',
  'ResourceConflictException',
  'ResourceNotReadyException',
  'SnapStartNotReadyException',
  'SnapStartTimeoutException',
]);

// A refusal by its status, but of a file system that the function may have been using.
const MAY_HAVE_RUN = new Set(['EFSIOException']);

/**
 * The failure of a call: `unknown` when the function may have run (a 5xx, a broken connection, silence), `unavailable`
 * when it certainly did not, `not-found`, `usage` for a payload that Lambda does not take.
 */
export function asCallFailure(error: unknown, subject: LambdaSubject): JavumboError {
  const name = errorNameOf(error);
  const started = MAY_HAVE_RUN.has(name) || !(NOT_STARTED.has(name) || NOT_READY.has(name) || certainlyRefused(error));
  return started ? doubt(error, subject) : asLambdaFailure(error, subject);
}

/** What may have been done, and nobody can tell. */
export function doubt(error: unknown, { what, endpoint }: LambdaSubject): JavumboError {
  const reason = asAwsFailure(error, { what, where: endpoint ?? 'AWS', username: undefined, rights: '' }).message;
  return new JavumboError('unknown', reason, {
    try: 'javumbo function describe, and a look at what it should have done',
    cause: error,
  });
}

/** The failure of a request that changed nothing, or reads. `retryable` where sending it again can help. */
export function asLambdaFailure(error: unknown, { what, name, action, endpoint }: LambdaSubject): JavumboError {
  const where = endpoint ?? 'AWS';
  const code = errorNameOf(error);
  if (code === 'ResourceNotFoundException') {
    return new JavumboError('not-found', `there is no function "${name}" at ${where}`, {
      try: 'another name with --function, another --region, or Terraform, which makes it',
      cause: error,
    });
  }
  if (code === 'RequestTooLargeException' || code === 'SerializedRequestEntityTooLargeException') {
    return new JavumboError('usage', `${what}: ${where} takes no request of that size`, { try: 'less', cause: error });
  }
  if (code === 'InvalidRequestContentException') {
    return new JavumboError('usage', `${what}: the payload is not JSON`, { try: 'a JSON document', cause: error });
  }
  if (code === 'TooManyRequestsException') {
    const { Reason: reason } = error as { Reason?: unknown };
    const why = typeof reason === 'string' ? `${code}, ${reason}` : code;
    return new JavumboError('unavailable', `${what}: ${where} answers ${why}`, {
      try: 'the same command again in a minute, or more concurrency for the function',
      retryable: true,
      cause: error,
    });
  }
  if (NOT_READY.has(code)) {
    return new JavumboError('unavailable', `${what}: ${where} answers ${code}: ${messageOf(error)}`, {
      try: 'the same command again in a minute',
      retryable: true,
      cause: error,
    });
  }
  if (NOT_STARTED.has(code)) {
    return new JavumboError('unavailable', `${what}: ${where} answers ${code}: ${messageOf(error)}`, {
      try: "the function's settings: its role, its key, its network",
      cause: error,
    });
  }
  return asAwsFailure(error, { what, where, username: undefined, rights: action });
}
