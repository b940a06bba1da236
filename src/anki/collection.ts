import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';
import { basicNoteType, defaultConf, defaultDeckOptions, normalDeck } from './defaults.ts';
import { SCHEMA_SQL, SCHEMA_VERSION } from './schema.ts';

export interface ClockAndRandom {
  readonly clock: Clock;
  readonly random: Random;
}

const DAY_SECONDS = 86_400;
/** Anki's day begins at four in the morning. */
const ROLLOVER_SECONDS = 4 * 3_600;

function dayStart(seconds: number): number {
  return Math.floor((seconds - ROLLOVER_SECONDS) / DAY_SECONDS) * DAY_SECONDS + ROLLOVER_SECONDS;
}

function insertCollectionRow(database: SqlDatabase, { clock, random }: ClockAndRandom): void {
  const now = Math.floor(clock.now());
  const seconds = Math.floor(now / 1000);
  database
    .prepare('INSERT INTO col VALUES (1, ?, ?, ?, ?, 0, 0, 0, ?, ?, ?, ?, ?)')
    .run(
      dayStart(seconds),
      now,
      now,
      SCHEMA_VERSION,
      JSON.stringify(defaultConf(now)),
      JSON.stringify({ [now]: basicNoteType(now, seconds, random) }),
      JSON.stringify({ 1: normalDeck(1, 'Default', 0, 0) }),
      JSON.stringify({ 1: defaultDeckOptions() }),
      '{}',
    );
}

/**
 * Turns an empty database into a new Anki collection of schema 11: tables and indexes, the note type Basic, the deck
 * Default and its options. Atomic, in its own transaction, so the caller must not have one open.
 *
 * Days are counted in UTC (`crt` is four in the morning there, `creationOffset` 0), because a server knows no time
 * zone.
 *
 * @throws JavumboError `conflict` if the database has tables; SQLite's own errors pass through.
 */
export function createCollection(database: SqlDatabase, sources: ClockAndRandom): void {
  if (database.prepare('SELECT 1 FROM sqlite_master LIMIT 1').get() !== undefined) {
    throw new JavumboError('conflict', 'the database is not empty, so no collection can be created in it');
  }
  // SQLite's default depends on its build, and is fixed with the first page written.
  database.exec('PRAGMA page_size = 4096');
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(SCHEMA_SQL);
    insertCollectionRow(database, sources);
    database.exec('COMMIT');
  } catch (cause) {
    try {
      database.exec('ROLLBACK');
    } catch {
      // SQLite already rolled back (a full disk); the first error matters.
    }
    throw cause;
  }
}
