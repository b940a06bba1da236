import { JavumboError, messageOf } from '../core/failure.ts';
import { type DatabaseStore, databaseIn, type Trace, type Version } from '../store/database-store.ts';

/** The failure that an `unknown` ending is reported as; it never says that something did or did not happen. */
export function unknownOutcome(username: string, base: Version | undefined, cause: Error): JavumboError {
  return new JavumboError(
    'unknown',
    `database "${username}": nobody can tell whether the write was stored: ${messageOf(cause)}`,
    {
      try: `javumbo db info ${username}`,
      username,
      expectedVersion: base,
      cause,
    },
  );
}

/** The failure of a lost race, with a hint for whoever lost it, naming the version that won; `seen` undefined: nobody could look. */
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

/** The failure of a create that met an existing database. */
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

/** One HEAD; undefined where it fails, for a caller that has something to report all the same. */
export async function traceIfPossible(store: DatabaseStore, username: string): Promise<Trace | undefined> {
  try {
    return await store.trace(username);
  } catch {
    return undefined;
  }
}

/** The failure of a store that goes on refusing a write although nobody came first. */
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

/** Why the fate of a refused write is unknown: nothing is there, or what was made from nothing since. */
export function unexplainedRefusal(): Error {
  return new Error('it was refused, and what is there now does not say why');
}
