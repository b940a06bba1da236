import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { betterSqlite } from './better-sqlite.ts';
import {
  canOpenInMemory,
  integrityFindings,
  openInMemory,
  openReadOnly,
  openWorkingCopy,
  settleJournal,
  tableCounts,
} from './engine.ts';
import { readHeader } from './header.ts';

test('a copy in memory holds what its file would hold, and changes nothing else', () => {
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-memory-'));
  try {
    const path = join(directory, 'alice.anki2');
    const database = openWorkingCopy(betterSqlite, path);
    database.exec('CREATE TABLE t (x PRIMARY KEY); INSERT INTO t VALUES (1)');
    database.close();
    const bytes = readFileSync(path);
    if (!canOpenInMemory(betterSqlite)) throw new Error('better-sqlite3 can');
    const copy = openInMemory(betterSqlite, bytes);
    expect(copy.serialize().equals(bytes)).toBe(true);
    copy.exec('BEGIN IMMEDIATE; DELETE FROM t; ROLLBACK');
    expect(copy.serialize().equals(bytes)).toBe(true);
    expect(() => copy.exec('INSERT INTO t VALUES (2), (1)')).toThrow(/UNIQUE/);
    expect(readHeader(copy.serialize())).toEqual(readHeader(bytes));
    copy.exec('INSERT INTO t VALUES (2)');
    expect(readHeader(copy.serialize()).changeCounter).toBeGreaterThan(readHeader(bytes).changeCounter);
    settleJournal(copy);
    writeFileSync(`${path}-copy`, copy.serialize());
    copy.close();
    copy.close();
    const read = openReadOnly(betterSqlite, `${path}-copy`);
    expect(tableCounts(read)).toEqual({ t: 2 });
    expect(integrityFindings(read)).toEqual([]);
    read.close();
    expect(readFileSync(path).equals(bytes)).toBe(true);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
