import { chmodSync, constants, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { plainCollations } from '../../anki/plain-collations.ts';
import { runBlockingIn } from '../../core/run-blocking.ts';
import { ReadSession } from '../../databases/session.ts';
import type { UserDatabases } from '../../databases/user-databases.ts';
import { sqliteEngine } from '../../sqlite/choose-engine.ts';
import { setRollbackMode } from '../../sqlite/header.ts';
import type { Invocation } from '../execute.ts';

/**
 * Like `UserDatabases.hold`, for a collection that a newer Anki upgraded: on a private copy that plain SQLite can read.
 * Nothing of it is ever stored.
 */
export async function holdNewer<T>(
  invocation: Invocation,
  databases: UserDatabases,
  username: string,
  query: (session: ReadSession) => T,
  point: string | undefined,
): Promise<{ readonly value: T; readonly session: ReadSession }> {
  const { store, cache, clock } = await invocation.deployment();
  const { random, runBlocking } = invocation.context;
  const sqlite = await sqliteEngine(invocation.config.sqliteEngine.value);
  const work = cache.workDirectory();
  const path = join(work.path, 'newer.anki2');
  let session: ReadSession | undefined;
  try {
    const stored = await databases.withFile(
      username,
      async (source, found, damage) => {
        if (damage !== undefined) throw damage;
        copyFileSync(source, path, constants.COPYFILE_FICLONE);
        return found;
      },
      { point },
    );
    chmodSync(path, 0o600);
    setRollbackMode(path);
    await runBlockingIn({ runBlocking })(() => plainCollations(sqlite, path));
    const environment = { store, cache, clock, random, runBlocking, sqlite: async () => sqlite, caching: false };
    session = await ReadSession.open(username, { path, stored, entry: undefined, work }, environment, false);
    const opened = session;
    return { value: await runBlockingIn({ runBlocking })(() => query(opened)), session };
  } catch (error) {
    session?.close();
    work.release();
    throw error;
  }
}
