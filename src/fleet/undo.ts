import { copyFile } from 'node:fs/promises';
import { BackupFolder } from '../backup/folder.ts';
import { Patience, type Trouble } from '../backup/outcome.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { isoTime } from '../core/format.ts';
import { once } from '../core/once.ts';
import { inParallel } from '../core/parallel.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import { pointsOf } from '../history/points.ts';
import { asDatabaseFailure } from '../sqlite/failure.ts';
import { readHeader, setRollbackMode } from '../sqlite/header.ts';
import { contentDigestOf } from '../store/content-digest.ts';
import { fateOf } from './fate.ts';
import { type JournalHeader, type JournalWrite, readJournal, refuseOtherDeployment } from './journal.ts';
import { JournalWriter, lockJournal } from './journal-writer.ts';
import { loadJournal, STATE_SCHEMA, statesIn, type UserState } from './migration-state.ts';
import { openFleetScratch } from './selection.ts';
import type { FleetTarget } from './target.ts';

/**
 * How one user was brought back.
 *
 * - `committed`: its database is what it was before. `unchanged`: it was that already.
 * - `conflict`: it changed since. `missing`: the version before is gone.
 */
export interface UndoneUser {
  readonly username: string;
  readonly outcome: 'committed' | 'unchanged' | 'missing' | 'not-found' | Trouble;
  readonly version?: string | undefined;
  readonly error?: string | undefined;
}

export interface UndoOptions {
  readonly journal: string;
  /** How many users at once. */
  readonly parallel: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Called with how many users the journal has written to, before anything is done; throws to refuse it. */
  readonly decide: (users: number) => Promise<void>;
}

/**
 * Makes the databases that a migration has changed what they were before, where its version is still current, and yields
 * each user as it ends. Can be run again. Throws `usage` for a journal of another deployment or without a way back,
 * `conflict` if another process has it.
 */
export async function* undoFleet(target: FleetTarget, options: UndoOptions): AsyncGenerator<UndoneUser> {
  const { journal, parallel, signal, decide } = options;
  refuseUndo(await readJournal(journal), target.deployment.id);
  const sqlite = await target.sqlite();
  const lock = lockJournal(sqlite, journal);
  try {
    const scratch = openFleetScratch(sqlite, target.workDirectory(), STATE_SCHEMA);
    try {
      const header = await loadJournal(scratch.database, journal);
      const written = "writes <> '[]'";
      const { n } = scratch.database.prepare(`SELECT count(*) AS n FROM state WHERE ${written}`).get() as { n: number };
      if (n > 0) await decide(n);
      const folder = header.keep === undefined ? undefined : BackupFolder.existing(header.keep);
      const undo = new Undo(target, options.clock, folder, journal);
      const patience = new Patience();
      yield* inParallel(statesIn(scratch.database, written), parallel, async (state): Promise<UndoneUser> => {
        signal?.throwIfAborted();
        const { username } = state;
        try {
          const user = await undo.user(state);
          patience.succeeded();
          return user;
        } catch (error) {
          return { username, ...patience.failed(asDatabaseFailure(error, username)) };
        }
      });
    } finally {
      scratch.release();
    }
  } finally {
    lock.release();
  }
}

/** A resume would take what is brought back for done. */
async function noteUndo(journal: string, clock: Clock): Promise<void> {
  const writer = await JournalWriter.resume(journal);
  await writer.add({ kind: 'undo', at: isoTime(clock.now()) });
  await writer.close();
}

function refuseUndo(header: JournalHeader, id: string): void {
  refuseOtherDeployment(header, id);
  if (header.undo !== 'none') return;
  throw new JavumboError('usage', 'the versions before were not kept: it ran with --no-undo', {
    try: 'a backup: javumbo backup restore <dir> --replace',
  });
}

class Undo {
  readonly #target: FleetTarget;
  readonly #databases: UserDatabases;
  readonly #clock: Clock;
  readonly #folder: BackupFolder | undefined;
  readonly #noted: () => Promise<void>;

  constructor(target: FleetTarget, clock: Clock, folder: BackupFolder | undefined, journal: string) {
    this.#noted = once(() => noteUndo(journal, clock));
    this.#target = target;
    this.#databases = target.databases();
    this.#clock = clock;
    this.#folder = folder;
  }

  async user({ username, writes, outcome }: UserState): Promise<UndoneUser> {
    const seen = await this.#target.store.trace(username);
    if (seen.kind !== 'database') return { username, outcome: 'not-found', error: 'it was deleted since' };
    const { version, digest } = seen;
    const fate = fateOf(writes, seen, this.#clock.now());
    // What is as before already, by an earlier undo for example.
    const isBack = writes.some(
      ({ base }) => base.version === version || (digest !== undefined && base.digest === digest),
    );
    if (fate.kind === 'committed' && fate.isCurrent) return this.#back(username, fate.write, version);
    if (fate.kind === 'open' && !isSettled(outcome)) {
      return { username, outcome: 'unknown', error: 'its write may still arrive: fleet undo again, later' };
    }
    if (isBack || fate.kind === 'lost') return { username, outcome: 'unchanged', version };
    if (fate.kind === 'committed' || outcome === 'committed') {
      return { username, outcome: 'conflict', version, error: 'it changed since, and was left' };
    }
    return { username, outcome: 'unknown', error: 'its write may be stored below what is there now' };
  }

  async #back(username: string, { base, kept }: JournalWrite, version: string): Promise<UndoneUser> {
    await this.#noted();
    const over = { kind: 'version', version } as const;
    const missing = (what: string): UndoneUser => ({ username, outcome: 'missing', error: `${what} is gone` });
    if (this.#folder !== undefined) {
      if (kept === undefined || this.#folder.sizeOf(kept) === undefined) return missing('the kept file');
      const path = this.#folder.pathOf(kept);
      if (`${await contentDigestOf(path)}.anki2` !== kept) return missing('the kept file is damaged, and so it');
      const done = await this.#databases.replace(username, over, (to) => copyFile(path, to));
      return { username, outcome: done.outcome, version: done.version };
    }
    for await (const point of pointsOf(await this.#target.objects(), username)) {
      if (point.version !== base.version || point.current) continue;
      return this.#databases.withFile(
        username,
        async (path, _, damage) => {
          if (damage !== undefined) throw damage;
          if (readHeader(path).journal === 'wal') setRollbackMode(path);
          const done = await this.#databases.replace(username, over, (to) => copyFile(path, to));
          return { username, outcome: done.outcome, version: done.version };
        },
        { point: point.id },
      );
    }
    return missing(`version ${base.version}`);
  }
}

function isSettled(outcome: string | null): boolean {
  return outcome !== null && outcome !== 'unknown';
}
