import { expect, test } from 'vitest';
import { betterSqlite } from './better-sqlite.ts';
import { canOpenInMemory } from './engine.ts';
import { readHeader } from './header.ts';

function sound(): Buffer {
  if (!canOpenInMemory(betterSqlite)) throw new Error('better-sqlite3 can');
  const database = betterSqlite.open(':memory:', 'read-write');
  database.exec('CREATE TABLE t (x)');
  const bytes = (database as unknown as { serialize(): Buffer }).serialize();
  database.close();
  return bytes;
}

test.each([
  { name: 'a write version', position: 18, value: 3 },
  { name: 'a read version', position: 19, value: 0 },
  { name: 'a schema format', position: 47, value: 9 },
])('a header with $name that SQLite does not know is damage', ({ position, value }) => {
  const bytes = sound();
  expect(readHeader(bytes).journal).toBe('rollback');
  bytes[position] = value;
  expect(() => readHeader(bytes)).toThrow('a format that SQLite does not know');
});
