import { JavumboError, messageOf } from '../core/failure.ts';
import { type DatabaseStore, databaseIn, type Trace, type Version } from '../store/database-store.ts';

/** Returns the failure for an `unknown` outcome; it never claims that something did or did not happen. */
export function unknownOutcome(
  username: string,
  base: Version | undefined,
  cause: Error,
  writeId?: string,
): JavumboError {
  return new JavumboError(
    'unknown',
    `database "${username}": it is not known whether the write was stored: ${messageOf(cause)}`,
    {
      try: `javumbo db info ${username}`,
      username,
      expectedVersion: base,
      writeId,
      cause,
    },
  );
}

/** Returns the failure of a lost race, naming the version that won; `seen` is undefined if no one could look. */
export function conflictFailure(
  username: string,
  expected: Version | undefined,
  seen: Trace | undefined,
  hint = 'the same command again',
): JavumboError {
  const winner = seen && databaseIn(seen);
  const deleted = seen !== undefined && winner === undefined;
  const actual = deleted
    ? 'nothing: it was deleted'
    : winner === undefined
      ? 'another version'
      : `version ${winner.version}`;
  return new JavumboError(
    'conflict',
    `database "${username}" was changed by somebody else: expected version ${expected ?? 'none'}, but the store holds ${actual}`,
    {
      try: deleted ? `javumbo db create ${username}` : hint,
      username,
      expectedVersion: expected,
      actualVersion: winner?.version,
    },
  );
}

/** Returns the failure of a create over an existing database. */
export function alreadyExists(username: string, seen: Trace): JavumboError {
  const version = databaseIn(seen)?.version;
  return new JavumboError(
    'conflict',
    `user "${username}" already has a database${version ? ` (version ${version})` : ''}`,
    {
      try: `javumbo db info ${username}`,
      username,
      actualVersion: version,
    },
  );
}

/** Sends a HEAD; returns undefined if it fails, for a caller that reports another failure anyway. */
export async function traceIfPossible(store: DatabaseStore, username: string): Promise<Trace | undefined> {
  try {
    return await store.trace(username);
  } catch {
    return undefined;
  }
}

/** Returns the failure of a store that keeps refusing a write although no one else has written. */
export function refusesItsOwnVersion(username: string): JavumboError {
  return new JavumboError(
    'unavailable',
    `put database "${username}": the store refuses a write over the version it holds`,
    {
      try: 'javumbo doctor',
      username,
    },
  );
}

/** The reason that a refused write is in doubt: nothing is stored now, or what was created from nothing since. */
export function unexplainedRefusal(): Error {
  return new Error('it was refused, and what is stored now does not show why');
}
