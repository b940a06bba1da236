import { createReadStream, statSync } from 'node:fs';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import Database from 'better-sqlite3';
import { keyOf } from '../src/core/username.ts';
import type { SqliteDatabase } from '../src/sqlite/engine.ts';
import { BUCKET } from './wire/bucket.ts';

/** The size of week 1's databases with a few notes: six pages. */
export const WEEK_ONE_BYTES = 24_576;

const PAGE_BYTES = 4_096;
// With header and key, four rows fit on a page.
const NOTE_TEXT_BYTES = 900;
const NOTES_PER_PAGE = 4;
// sqlite_master, col, cards, revlog and graves take a page each.
const OTHER_PAGES = 5;
export const CARDS = 20;

/**
 * Writes a database of at most about that size: Anki's tables without their indexes, as in week 1, with twenty cards
 * and the notes that fit. A page more if SQLite needs one for its page index.
 */
export function writeSeed(path: string, sizeBytes: number): void {
  const database = new Database(path);
  try {
    database.pragma(`page_size = ${PAGE_BYTES}`);
    database.pragma('synchronous = OFF');
    database.exec(`
      CREATE TABLE col (id INTEGER PRIMARY KEY, crt INTEGER, mod INTEGER, ver INTEGER, models TEXT, decks TEXT);
      CREATE TABLE notes (id INTEGER PRIMARY KEY, mod INTEGER NOT NULL, flds TEXT NOT NULL);
      CREATE TABLE cards (id INTEGER PRIMARY KEY, nid INTEGER NOT NULL, mod INTEGER NOT NULL, due INTEGER NOT NULL,
        ivl INTEGER NOT NULL, reps INTEGER NOT NULL);
      CREATE TABLE revlog (id INTEGER PRIMARY KEY, cid INTEGER NOT NULL, ease INTEGER NOT NULL, ivl INTEGER NOT NULL,
        time INTEGER NOT NULL);
      CREATE TABLE graves (usn INTEGER NOT NULL, oid INTEGER NOT NULL, type INTEGER NOT NULL);
      INSERT INTO col VALUES (1, 0, 0, 11, '{}', '{}');`);
    // One page in four hundred holds only page numbers.
    const pages = Math.floor((sizeBytes / PAGE_BYTES - OTHER_PAGES) * 0.995);
    const notes = Math.max(NOTES_PER_PAGE, (pages - 1) * NOTES_PER_PAGE);
    const count = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)';
    database
      .prepare(`${count} INSERT INTO notes SELECT i, 0, hex(randomblob(${NOTE_TEXT_BYTES / 2})) FROM n`)
      .run(notes);
    database.prepare(`${count} INSERT INTO cards SELECT i, i, 0, 0, 1, 0 FROM n`).run(CARDS);
  } finally {
    database.close();
  }
}

/** Changes one row, like editing a note. */
export function changeOneNote(database: SqliteDatabase): void {
  database.prepare('UPDATE notes SET mod = mod + 1 WHERE id = 1').run();
}

/** Answers a card like Anki: it is due later, and the review is logged. */
export function answerCard(card: number): (database: SqliteDatabase) => void {
  return (database) => {
    database
      .prepare('UPDATE cards SET mod = mod + 1, due = due + ivl, ivl = ivl * 2, reps = reps + 1 WHERE id = ?')
      .run(card);
    database
      .prepare('INSERT INTO revlog (cid, ease, ivl, time) SELECT id, 3, ivl, 5000 FROM cards WHERE id = ?')
      .run(card);
  };
}

/** Adds this writer's own note. */
export function addNoteOf(writer: number): (database: SqliteDatabase) => void {
  return (database) =>
    void database.prepare('INSERT INTO notes VALUES (?, 0, ?)').run(noteIdOf(writer), `writer ${writer}`);
}

/** Returns the id of a writer's note, above all in a seed. */
export function noteIdOf(writer: number): number {
  return 1_000_000_000 + writer;
}

/** Stores a file for a user without either design. */
export async function storeFile(client: S3Client, username: string, path: string): Promise<void> {
  const { size } = statSync(path);
  const Body = createReadStream(path, { end: size - 1 });
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: keyOf(username), Body, ContentLength: size }));
}
