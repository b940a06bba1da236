import { asAwsFailure, certainlyRefused, errorNameOf } from '../aws/errors.ts';
import { UnsentError } from '../aws/unsent.ts';
import { JavumboError, messageOf } from '../core/failure.ts';

/** The subject of a request to Lambda, for its error message. */
export interface LambdaSubject {
  /** Verb and object: `call function "javumbo-api"`. */
  readonly what: string;
  readonly name: string;
  /** The action that the credentials must allow: `lambda:InvokeFunction`. */
  readonly action: string;
  readonly endpoint: string | undefined;
}

// Status 5xx, yet raised before the function starts. (Lambda API reference, Invoke)
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

// Also before the start, and transient: something that the function needs is not ready yet.
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

// A refusal by its status, but from a file system that the function may have used.
const MAY_HAVE_RUN = new Set(['EFSIOException']);

/**
 * Returns the failure of a call: `unknown` if the function may have run (a 5xx, a broken connection, silence),
 * `unavailable` if it certainly did not, `not-found`, `usage` for a payload that Lambda refuses.
 */
export function asCallFailure(error: unknown, subject: LambdaSubject): JavumboError {
  // Its name may be that of another service's reply.
  if (error instanceof UnsentError) return asLambdaFailure(error, subject);
  const name = errorNameOf(error);
  const started = MAY_HAVE_RUN.has(name) || !(NOT_STARTED.has(name) || NOT_READY.has(name) || certainlyRefused(error));
  return started ? doubt(error, subject) : asLambdaFailure(error, subject);
}

/** Returns `unknown` for a request that may have had an effect. */
export function doubt(error: unknown, { what, endpoint }: LambdaSubject): JavumboError {
  const reason = asAwsFailure(error, { what, where: endpoint ?? 'AWS', username: undefined, rights: '' }).message;
  return new JavumboError('unknown', reason, {
    try: 'javumbo function describe, and a look at what it should have done',
    cause: error,
  });
}

/** Returns the failure of a request without effect, `retryable` if sending it again may help. */
export function asLambdaFailure(error: unknown, { what, name, action, endpoint }: LambdaSubject): JavumboError {
  const where = endpoint ?? 'AWS';
  if (error instanceof UnsentError) return asAwsFailure(error, { what, where, username: undefined, rights: action });
  const code = errorNameOf(error);
  if (code === 'ResourceNotFoundException') {
    return new JavumboError('not-found', `there is no function "${name}" at ${where}`, {
      try: 'another name with --function, another --region, or Terraform, which creates it',
      cause: error,
    });
  }
  if (code === 'RequestTooLargeException' || code === 'SerializedRequestEntityTooLargeException') {
    return new JavumboError('usage', `${what}: ${where} takes no request of that size`, {
      try: 'a smaller payload',
      cause: error,
    });
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
