import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { betterSqlite } from './better-sqlite.ts';
import { openReadOnly, type SqliteEngine } from './engine.ts';
import { copySource } from './import-copy.ts';

const engines: SqliteEngine[] = isBuiltin('node:sqlite')
  ? [(await import('./node-sqlite.ts')).loadNodeSqlite()]
  : [betterSqlite];

describe.each(engines)('a file beside which a crash left a journal, with $name', (engine) => {
  let directory: string;
  let source: string;
  let destination: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'javumbo-journal-'));
    mkdirSync(join(directory, 'crashed'));
    source = join(directory, 'crashed', 'c.anki2');
    destination = join(directory, 'copy.anki2');
    const path = join(directory, 'c.anki2');
    const database = engine.open(path, 'read-write');
    database.exec("CREATE TABLE t (a); INSERT INTO t VALUES ('before'); PRAGMA cache_size = 1; BEGIN");
    database.exec("UPDATE t SET a = 'half'; CREATE TABLE big (a); INSERT INTO big VALUES (zeroblob(400000))");
    // What a crash now would leave.
    for (const end of ['', '-journal']) copyFileSync(`${path}${end}`, `${source}${end}`);
    database.exec('ROLLBACK');
    database.close();
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const rows = (): unknown[] => {
    const copy = openReadOnly(engine, destination);
    try {
      return copy
        .prepare('SELECT * FROM t')
        .all()
        .map((row) => ({ ...(row as object) }));
    } finally {
      copy.close();
    }
  };

  test('is copied as it was before the change that was not finished, and stays as it is', async () => {
    const before = [readFileSync(source), readFileSync(`${source}-journal`)];
    const { warnings } = await copySource(engine, source, destination, () => []);
    expect(warnings).toEqual([expect.stringMatching(/c\.anki2: that change is not in the copy$/)]);
    expect(rows()).toEqual([{ a: 'before' }]);
    expect(readdirSync(directory)).not.toContain('copy.anki2-journal');
    expect([readFileSync(source), readFileSync(`${source}-journal`)]).toEqual(before);
  });

  test.each([
    { name: 'is empty', bytes: Buffer.alloc(0) },
    { name: 'was ended by zeros', bytes: Buffer.alloc(4096) },
    { name: 'is no journal', bytes: Buffer.from('some words that are none') },
  ])('is copied as it is if the journal $name', async ({ bytes }) => {
    copyFileSync(join(directory, 'c.anki2'), source);
    writeFileSync(`${source}-journal`, bytes);
    const { warnings } = await copySource(engine, source, destination, () => []);
    expect(warnings).toEqual([]);
    expect(rows()).toEqual([{ a: 'before' }]);
    expect(existsSync(`${source}-journal`)).toBe(true);
  });

  test('is refused if the journal is a directory', async () => {
    rmSync(`${source}-journal`);
    mkdirSync(`${source}-journal`);
    await expect(copySource(engine, source, destination, () => [])).rejects.toMatchObject({
      kind: 'usage',
      message: `${source}-journal is not a file`,
    });
  });

  test('is copied also where its name leaves no room for that of a journal', async () => {
    const long = join(directory, `${'c'.repeat(246)}.anki2`);
    copyFileSync(join(directory, 'c.anki2'), long);
    expect((await copySource(engine, long, destination, () => [])).warnings).toEqual([]);
    expect(rows()).toEqual([{ a: 'before' }]);
  });
});
