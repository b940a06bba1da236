import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { temporaryDirectory } from '../src/testing/run-command.ts';
import { addNoteOf, answerCard, CARDS, changeOneNote, noteIdOf, WEEK_ONE_BYTES, writeSeed } from './seed.ts';

test.each([
  { name: '24,576 bytes, as in week 1', sizeBytes: WEEK_ONE_BYTES, least: WEEK_ONE_BYTES },
  { name: '1 MB', sizeBytes: 1_000_000, least: 970_000 },
  { name: '10 MB', sizeBytes: 10_000_000, least: 9_800_000 },
])('a seed of $name is no larger, and hardly smaller', ({ sizeBytes, least }) => {
  const path = join(temporaryDirectory(), 'seed.anki2');
  writeSeed(path, sizeBytes);
  expect(statSync(path).size).toBeLessThanOrEqual(sizeBytes);
  expect(statSync(path).size).toBeGreaterThanOrEqual(least);
});

test('the edits change what they say, and leave the size as it is', () => {
  const path = join(temporaryDirectory(), 'seed.anki2');
  writeSeed(path, WEEK_ONE_BYTES);
  const database = new Database(path);
  changeOneNote(database);
  for (let card = 1; card <= CARDS; card++) answerCard(card)(database);
  addNoteOf(7)(database);
  const one = (sql: string): unknown => database.prepare(sql).pluck().get();
  expect(one('SELECT sum(mod) FROM notes')).toBe(1);
  expect(one('SELECT count(*) FROM revlog')).toBe(CARDS);
  expect(one('SELECT sum(ivl) FROM cards')).toBe(2 * CARDS);
  expect(one('SELECT max(id) FROM notes')).toBe(noteIdOf(7));
  database.close();
  expect(statSync(path).size).toBe(WEEK_ONE_BYTES);
});
