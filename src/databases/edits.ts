import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { codeOf, JavumboError } from '../core/failure.ts';
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

// Other work of the process goes on between edits.
const BLOCKING_MAX_MS = 10;

/**
 * Runs edits in turn, each on a connection and in a transaction of its own: what one of them leaves open, sets by a PRAGMA
 * or does later reaches no other. Throws `corrupt` if one of several failed in a way on which the others cannot build:
 * it ended its transaction itself, or its changes may not all have been undone.
 */
export async function runEdits(
  session: WriteSession,
  pending: readonly PendingEdit[],
  environment: { readonly runBlocking?: RunBlocking | undefined; readonly clock: Clock },
): Promise<Ended[]> {
  const ended: Ended[] = [];
  if (pending.length === 1) {
    const [{ edit }] = pending as [PendingEdit];
    return [await runBlockingIn(environment)(() => runAlone(session, edit)).catch(threw)];
  }
  let pausedAt = environment.clock.monotonic();
  try {
    for (const { edit } of pending) {
      ended.push(await runBlockingIn(environment)(() => runAmongOthers(session, edit)));
      if (environment.clock.monotonic() - pausedAt < BLOCKING_MAX_MS) continue;
      await setImmediate();
      pausedAt = environment.clock.monotonic();
    }
    return ended;
  } catch (error) {
    session.discard();
    throw error;
  }
}

function runAlone(session: WriteSession, edit: PendingEdit['edit']): Ended {
  const one = run(session, edit);
  // The session ends with its error.
  if (one.kind === 'threw') return one;
  return session.hasChanged() ? one : { kind: 'unchanged', value: one.value };
}

function runAmongOthers(session: WriteSession, edit: PendingEdit['edit']): Ended {
  const one = run(session, edit);
  const isUndone = one.kind !== 'threw' || undo(session.database, one.error);
  // At once: what the edit has left to do later finds its connection closed.
  const hasChanged = session.renew();
  if (one.kind !== 'threw') return hasChanged ? one : { kind: 'unchanged', value: one.value };
  if (hasChanged || !isUndone) throw new JavumboError('corrupt', 'an edit that failed has changed the copy');
  return one;
}

/** Rolls a failed edit back. Returns false if SQLite may not have been able to: no journal, no memory, a failing disk. */
function undo(database: SqliteDatabase, error: unknown): boolean {
  if (database.inTransaction) database.exec('ROLLBACK');
  const { journal_mode: journal } = database.prepare('PRAGMA journal_mode').get() as { journal_mode: string };
  return journal !== 'off' && !/^SQLITE_(IOERR|NOMEM|FULL)/.test(codeOf(error) ?? '');
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
    return threw(error);
  }
}

function threw(error: unknown): Ended {
  return { kind: 'threw', error };
}
