import { JavumboError } from '../core/failure.ts';
import { isoTime } from '../core/format.ts';
import type { SqlDatabase, SqliteEngine } from '../sqlite/engine.ts';
import { type JournalHeader, type JournalLine, type JournalWrite, readJournal } from './journal.ts';
import { JournalWriter, lockJournal } from './journal-writer.ts';
import { namedUsernames, rowsByUsername } from './selection.ts';

export const STATE_SCHEMA = `
  CREATE TABLE state (username TEXT PRIMARY KEY, writes TEXT NOT NULL DEFAULT '[]', outcome TEXT,
    handled INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID`;

// Nothing more is to be done for them. Not for `not-found`: somebody may make the database meanwhile.
const FINAL = new Set(['committed', 'unchanged', 'skipped']);

/** What a journal says of one user. */
export interface UserState {
  readonly username: string;
  /** All that may have been sent, oldest first. */
  readonly writes: readonly JournalWrite[];
  /** The last one; null before there is one. */
  readonly outcome: string | null;
}

/** Reads a journal into the scratch file, by user. Calls `onUndo` if it was undone. */
export async function loadJournal(
  database: SqlDatabase,
  path: string,
  onUndo = (): void => {},
): ReturnType<typeof readJournal> {
  const select = database.prepare('INSERT OR IGNORE INTO selected VALUES (?)');
  // A write that follows an outcome is that of a later run, and open again.
  const write = database.prepare(
    `INSERT INTO state (username, writes) VALUES (?, json_array(json(?))) ON CONFLICT DO UPDATE
     SET writes = json_insert(writes, '$[#]', json(excluded.writes ->> '$[0]')), outcome = NULL`,
  );
  const outcome = database.prepare(
    'INSERT INTO state (username, outcome) VALUES (?, ?) ON CONFLICT DO UPDATE SET outcome = excluded.outcome',
  );
  return readJournal(path, (line) => {
    if (line.kind === 'selected') select.run(line.username);
    else if (line.kind === 'write') write.run(line.username, JSON.stringify(line));
    else if (line.kind === 'outcome') outcome.run(line.username, line.outcome);
    else if (line.kind === 'undo') onUndo();
  });
}

/** Yields what the loaded journal says of each user. */
export function* statesIn(database: SqlDatabase, where = 'TRUE'): Generator<UserState> {
  const select = `SELECT username, writes, outcome FROM state WHERE ${where}`;
  for (const row of rowsByUsername<{ username: string; writes: string; outcome: string | null }>(database, select)) {
    yield { ...row, writes: JSON.parse(row.writes) };
  }
}

/** The journal of a run: what it said when the run began, and what is added. */
export class MigrationState {
  readonly #database: SqlDatabase;
  readonly #writer: JournalWriter;
  readonly #lock: { release(): void };
  /** Users who were done before. */
  readonly done: number;

  private constructor(database: SqlDatabase, writer: JournalWriter, lock: { release(): void }) {
    this.#database = database;
    this.#writer = writer;
    this.#lock = lock;
    const finals = [...FINAL].map((each) => `'${each}'`).join(', ');
    const row = database.prepare(`SELECT count(*) AS n FROM state WHERE outcome IN (${finals})`).get();
    this.done = (row as { n: number }).n;
  }

  static async begin(
    database: SqlDatabase,
    sqlite: SqliteEngine,
    path: string,
    header: JournalHeader,
  ): Promise<MigrationState> {
    const writer = await JournalWriter.begin(path, header);
    try {
      const state = new MigrationState(database, writer, lockJournal(sqlite, path));
      let last: Promise<void> | undefined;
      for (const username of namedUsernames(database)) last = state.add({ kind: 'selected', username });
      await last;
      return state;
    } catch (error) {
      await writer.close().catch(() => {});
      throw error;
    }
  }

  /** Throws what `refuse` throws for the first line. */
  static async resume(
    database: SqlDatabase,
    sqlite: SqliteEngine,
    path: string,
    refuse: (header: JournalHeader) => void,
  ): Promise<{ readonly state: MigrationState; readonly header: JournalHeader }> {
    // Before the lock, which makes a file.
    refuse(await readJournal(path));
    const lock = lockJournal(sqlite, path);
    try {
      const header = await loadJournal(database, path, () => {
        throw new JavumboError('usage', 'what this journal records was undone, and is not gone on with', {
          try: 'the same command without --resume',
        });
      });
      const { n } = database.prepare('SELECT count(*) AS n FROM selected').get() as { n: number };
      if (n < (header.users ?? 0)) {
        throw new JavumboError('usage', 'the journal stopped before it had all names, and nothing was done', {
          try: 'a new run with --again, and without --resume',
        });
      }
      return { state: new MigrationState(database, await JournalWriter.resume(path), lock), header };
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Resolves when it is on the disk. */
  add(line: JournalLine): Promise<void> {
    return this.#writer.add(line);
  }

  /** Returns the writes of a user whose fate the journal leaves open, oldest first; undefined if nothing is to be done. */
  openWrites(username: string): readonly JournalWrite[] | undefined {
    const row = this.#database.prepare('SELECT writes, outcome FROM state WHERE username = ?').get(username);
    const { writes = '[]', outcome = null } = (row ?? {}) as { writes?: string; outcome?: string | null };
    if (outcome !== null && FINAL.has(outcome)) return undefined;
    // Any other outcome was told when it was certain that nothing was stored. Who was deleted may be restored meanwhile.
    return outcome === null || ['unknown', 'not-found'].includes(outcome) ? JSON.parse(writes) : [];
  }

  /** Yields those whose writes are open and whom this run has not met: they are not selected any more, or gone. */
  *unmet(): Generator<string> {
    const open = "handled = 0 AND writes <> '[]' AND (outcome IS NULL OR outcome IN ('unknown', 'not-found'))";
    for (const { username } of statesIn(this.#database, open)) yield username;
  }

  /** Remembers that a user is settled. Nobody waits for the disk: if this is lost, the store is asked again. */
  settled(line: JournalLine & { readonly kind: 'outcome' }): void {
    this.#database
      .prepare(
        `INSERT INTO state (username, outcome, handled) VALUES (?, ?, 1)
         ON CONFLICT DO UPDATE SET outcome = excluded.outcome, handled = 1`,
      )
      .run(line.username, line.outcome);
    void this.add(line).catch(() => {});
  }

  end(now: number, counts: Readonly<Record<string, number>>): Promise<void> {
    return this.add({ kind: 'end', endedAt: isoTime(now), counts: { ...counts } });
  }

  async close(): Promise<void> {
    try {
      await this.#writer.close();
    } finally {
      this.#lock.release();
    }
  }
}
