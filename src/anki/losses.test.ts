import { expect, test } from 'vitest';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { holdingsOf, lossesOf } from './losses.ts';

test('a temporary table of the same name hides no loss', () => {
  const database = betterSqlite.open(':memory:', 'read-write');
  database.exec(
    'CREATE TABLE col (x); INSERT INTO col VALUES (1); CREATE TABLE notes (x); INSERT INTO notes VALUES (1)',
  );
  const before = holdingsOf(database);
  database.exec('CREATE TEMP TABLE col (x); INSERT INTO temp.col VALUES (1); DELETE FROM main.col');
  expect(lossesOf(before, holdingsOf(database))).toEqual(['table col is emptied']);
  database.exec('CREATE TEMP TABLE notes (x); DROP TABLE main.notes');
  expect(lossesOf(before, holdingsOf(database))).toEqual(['table col is emptied', 'table notes is dropped']);
  database.close();
});

test('nor does one that was there before', () => {
  const database = betterSqlite.open(':memory:', 'read-write');
  database.exec('CREATE TEMP TABLE col (x); CREATE TABLE main.col (x); INSERT INTO main.col VALUES (1)');
  const before = holdingsOf(database);
  database.exec('DELETE FROM main.col');
  expect(lossesOf(before, holdingsOf(database))).toEqual(['table col is emptied']);
  database.close();
});
