import { JavumboError, messageOf } from '../failure.ts';
import type { DatabaseStore, StoredDatabase, Version } from './store.ts';

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

/** The failure of a lost race, with a hint for whoever lost it, naming the version that won. One HEAD; without it when even that fails. */
export async function conflictFailure(
  store: DatabaseStore,
  username: string,
  expected: Version | undefined,
  hint = 'the same command again',
): Promise<JavumboError> {
  const winner = await winnerOf(store, username);
  const actual =
    winner === 'not asked'
      ? 'another version'
      : winner === undefined
        ? 'nothing: it was deleted'
        : `version ${winner.version}`;
  return new JavumboError(
    'conflict',
    `database "${username}" was changed by somebody else: expected version ${expected ?? 'none'}, but the store holds ${actual}`,
    {
      try: winner === undefined ? `javumbo db create ${username}` : hint,
      username,
      expectedVersion: expected,
      actualVersion: winner === 'not asked' ? undefined : winner?.version,
    },
  );
}

/** The failure of a create that met an existing database. One HEAD. */
export async function alreadyExists(store: DatabaseStore, username: string): Promise<JavumboError> {
  const winner = await winnerOf(store, username);
  const version = winner === 'not asked' ? undefined : winner?.version;
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

async function winnerOf(store: DatabaseStore, username: string): Promise<StoredDatabase | undefined | 'not asked'> {
  try {
    return await store.head(username);
  } catch {
    return 'not asked';
  }
}
