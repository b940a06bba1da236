import { asAwsFailure, certainlyRefused, errorNameOf, statusOf } from '../aws/errors.ts';
import { isWrongRegion, regionOf } from '../aws/refusals.ts';
import { asError, JavumboError } from '../core/failure.ts';
import type { DeleteOutcome, PutOutcome } from './database-store.ts';

/** The subject of a request, for its error message. */
export interface S3Subject {
  readonly verb: string;
  /** `database "alice"` or `bucket "b"`. */
  readonly name: string;
  readonly username: string | undefined;
  readonly bucket: string;
  readonly endpoint: string | undefined;
}

export function s3Subject(
  { bucket, endpoint }: Pick<S3Subject, 'bucket' | 'endpoint'>,
  verb: string,
  username: string | undefined,
): S3Subject {
  const name = username === undefined ? `bucket "${bucket}"` : `database "${username}"`;
  return { verb, name, username, bucket, endpoint };
}

/**
 * Classifies the error of a conditional PUT: returns `conflict` or `unknown`, throws `unavailable` (or another kind) if
 * the put certainly changed nothing.
 *
 * - 412: the condition did not hold. 404 on `If-Match`: S3's answer for "deleted"; Ceph says 412.
 * - 409 ConditionalRequestConflict: another write was under way, nothing was compared or written; send it again.
 * - any other reply from 300 to 499: refused.
 * - 5xx, a broken connection, silence: unknown. (docs/engines.md)
 */
export function putOutcomeOf(error: unknown, ifMatch: boolean, subject: S3Subject): PutOutcome {
  const status = statusOf(error);
  if (status === 412) return { kind: 'conflict', reason: 'changed' };
  if (status === 404 && ifMatch && errorNameOf(error) !== 'NoSuchBucket')
    return { kind: 'conflict', reason: 'deleted' };
  if (certainlyRefused(error)) throw asReadFailure(error, subject);
  return { kind: 'unknown', cause: asError(error) };
}

/** Classifies the error of a DELETE by the same rules. */
export function deleteOutcomeOf(error: unknown, subject: S3Subject): DeleteOutcome {
  if (statusOf(error) === 412) return { kind: 'conflict' };
  if (errorNameOf(error) === 'NoSuchKey') return { kind: 'absent' };
  if (certainlyRefused(error)) throw asReadFailure(error, subject);
  return { kind: 'unknown', cause: asError(error) };
}

/** Returns the failure of an idempotent request, `retryable` if sending it again may help. */
export function asReadFailure(error: unknown, subject: S3Subject): JavumboError {
  const { username, bucket, endpoint } = subject;
  const where = endpoint ?? 'AWS';
  const what = `${subject.verb} ${subject.name}`;
  if (errorNameOf(error) === 'NoSuchBucket') {
    return new JavumboError('not-found', `there is no bucket "${bucket}" at ${where}`, {
      try: 'another --bucket, --region or --endpoint-url',
      username,
      cause: error,
    });
  }
  if (isWrongRegion(error)) {
    const region = regionOf(error);
    const place = region === undefined ? 'another region' : `region ${region}`;
    return new JavumboError('unavailable', `${what}: bucket "${bucket}" is in ${place}`, {
      try: region === undefined ? "the bucket's region, with --region" : `--region ${region}`,
      username,
      sent: true,
      cause: error,
    });
  }
  const rights = "read and write the bucket, or another --bucket, if this one is somebody else's";
  return asAwsFailure(error, { what, where, username, rights });
}
