import { asError, JavumboError } from '../core/failure.ts';
import { asAwsFailure, certainlyRefused, errorNameOf } from './errors.ts';
import { UnsentError } from './unsent.ts';

/** The subject of a request to DynamoDB, for its error message. */
export interface DynamoSubject {
  /** Verb and object: `get user "alice"`. */
  readonly what: string;
  readonly table: string;
  readonly flag: '--users-table' | '--locks-table';
  readonly endpoint: string | undefined;
  readonly username: string | undefined;
}

/** True if a write's condition did not hold: it certainly changed nothing. */
export function isConditionFailed(error: unknown): boolean {
  return errorNameOf(error) === 'ConditionalCheckFailedException';
}

// Status 400, yet worth a retry: another request was in the way, or there were too many.
const PASSING = new Set([
  'TransactionConflictException',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
]);

/**
 * Classifies any other error of a conditional write: returns `unknown` if it may have arrived (a 5xx, a broken
 * connection, silence), throws `unavailable` if it certainly changed nothing.
 */
export function writeOutcomeOf(
  error: unknown,
  subject: DynamoSubject,
): { readonly kind: 'unknown'; readonly cause: Error } {
  if (certainlyRefused(error)) throw asDynamoFailure(error, subject);
  return { kind: 'unknown', cause: asError(error) };
}

/** Returns the failure of an idempotent request, `retryable` if sending it again may help. */
export function asDynamoFailure(error: unknown, subject: DynamoSubject): JavumboError {
  const { what, table, flag, endpoint, username } = subject;
  const where = endpoint ?? 'AWS';
  const rights = `read and write table "${table}"`;
  // Its name may be that of another service's reply.
  if (error instanceof UnsentError) return asAwsFailure(error, { what, where, username, rights });
  const fail = (message: string, hint: string, retryable: boolean): JavumboError =>
    new JavumboError('unavailable', `${what}: ${message}`, {
      try: hint,
      username,
      retryable,
      // Only replies have the names below.
      sent: true,
      cause: error,
    });
  const name = errorNameOf(error);
  if (name === 'ResourceNotFoundException') {
    return fail(
      `there is no table "${table}" at ${where}`,
      `javumbo deployment create, or the table's name with ${flag}`,
      false,
    );
  }
  if (name === 'ValidationException' && /key element|schema/i.test((error as Error).message)) {
    return otherKey(subject, error);
  }
  if (PASSING.has(name)) return fail(`${where} answers ${name}`, 'the same command again', true);
  return asAwsFailure(error, { what, where, username, rights });
}

/** Returns the failure of a wrong table: its items have another key. */
export function otherKey({ what, table, flag, endpoint, username }: DynamoSubject, cause?: unknown): JavumboError {
  const where = endpoint ?? 'AWS';
  return new JavumboError('unavailable', `${what}: table "${table}" at ${where} has another key than "username"`, {
    try: `another table with ${flag}`,
    username,
    cause,
  });
}
