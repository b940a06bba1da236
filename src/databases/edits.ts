import { JavumboError } from '../core/failure.ts';
import { type RunBlocking, runBlockingIn } from '../core/run-blocking.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { Version } from '../store/database-store.ts';
import { synchronous } from './session.ts';
import type { WriteSession } from './write-session.ts';

/** `attempts` counts the runs of the edit that reached a commit. */
export interface UpdateResult<T> {
  readonly outcome: 'committed' | 'unchanged';
  readonly value: T;
  readonly version: Version;
  readonly attempts: number;
}

/** An edit that waits for its commit. */
export interface PendingEdit {
  readonly edit: (database: SqliteDatabase) => unknown;
  /** How often it is rerun after a conflict; undefined: as often as by default. */
  readonly retries?: number | undefined;
}

/** How an edit among others ended. `again`: it is still to be run. */
export type Settled =
  | { readonly kind: 'done'; readonly result: UpdateResult<unknown> }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'again' };

/** How the run of an edit on a copy ended. */
export type Ended =
  | { readonly kind: 'changed' | 'unchanged'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown };

/**
 * Runs edits in turn, each on a connection and in a transaction of its own: what one of them leaves open or sets by a
 * PRAGMA reaches no other. Throws `corrupt` if one of several failed and has changed the copy all the same, by ending its
 * transaction itself: the others cannot build on it.
 */
export async function runEdits(
  session: WriteSession,
  pending: readonly PendingEdit[],
  environment: { readonly runBlocking?: RunBlocking | undefined },
): Promise<Ended[]> {
  const ended: Ended[] = [];
  const isAlone = pending.length === 1;
  try {
    for (const { edit } of pending) {
      const runNext = (): Ended => {
        if (ended.length > 0) session.renew();
        const one = run(session, edit);
        // The session of an edit alone ends with its error.
        if (one.kind === 'threw' && isAlone) return one;
        if (session.database.inTransaction) session.database.exec('ROLLBACK');
        const hasChanged = session.changedSinceLastLook();
        if (one.kind === 'threw') {
          if (hasChanged) throw new JavumboError('corrupt', 'an edit that failed has changed the copy');
          return one;
        }
        return { kind: hasChanged ? 'changed' : 'unchanged', value: one.value };
      };
      ended.push(await runBlockingIn(environment)(runNext));
    }
    return ended;
  } catch (error) {
    if (isAlone) return [{ kind: 'threw', error }];
    session.discard();
    throw error;
  }
}

function run(session: WriteSession, edit: (database: SqliteDatabase) => unknown): Ended {
  const { database } = session;
  try {
    database.exec('BEGIN IMMEDIATE');
    const value = synchronous(edit(database), session.username);
    if (!database.inTransaction) {
      throw new JavumboError('usage', 'the edit ended its transaction itself, so nothing of it was stored', {
        try: 'the same statements without BEGIN, COMMIT, END and ROLLBACK',
        username: session.username,
      });
    }
    database.exec('COMMIT');
    return { kind: 'changed', value };
  } catch (error) {
    return { kind: 'threw', error };
  }
}
