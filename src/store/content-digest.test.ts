import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { copiedChunks } from '../core/file.ts';
import { seededRandom } from '../core/random.ts';
import { UserDatabases } from '../databases/user-databases.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { readHeader } from '../sqlite/header.ts';
import { Workbench } from '../testing/workbench.ts';
import { contentDigestOf, damaged, isDamaged, makeUnique } from './content-digest.ts';

/** The bytes that say nothing about the content: the modes and the two change counters. */
const IGNORED = [18, 19, 24, 25, 26, 27, 92, 93, 94, 95];

let bench: Workbench;

beforeEach(() => {
  bench = new Workbench();
});

afterEach(() => {
  bench.remove();
});

const newPath = (): string => join(bench.directory, bench.random.hex(8));

function createTable(database: SqliteDatabase): void {
  database.exec("CREATE TABLE t (x); INSERT INTO t VALUES ('one'), ('two')");
}

/** A file as stored by a commit, and what the store knows of it. */
async function stored(username = 'alice'): Promise<{ path: string; bytes: Buffer; digest: string | undefined }> {
  await bench.machine().databases.create(username, createTable);
  const path = newPath();
  const found = await bench.memory.get(username, path);
  if (found.kind !== 'found') throw new Error('it was not stored');
  return { path, bytes: readFileSync(path), digest: found.digest };
}

/** Writes bytes into a file in place, like SQLite or a broken disk. */
function overwrite(path: string, position: number, ...bytes: number[]): void {
  const descriptor = openSync(path, 'r+');
  writeSync(descriptor, Buffer.from(bytes), 0, bytes.length, position);
  closeSync(descriptor);
}

/** Calls `look` on a file with one byte changed, and restores the byte. */
async function flipped<T>(
  path: string,
  bytes: Buffer,
  position: number,
  mask: number,
  look: () => Promise<T>,
): Promise<T> {
  const byte = bytes.readUInt8(position);
  overwrite(path, position, byte ^ mask);
  try {
    return await look();
  } finally {
    overwrite(path, position, byte);
  }
}

/** Each bit in turn, so that every bit matters. */
const bitAt = (position: number): number => 1 << (position % 8);

function copyOf(path: string): string {
  const copy = newPath();
  copyFileSync(path, copy);
  return copy;
}

test.runIf(existsSync('/dev/full'))('a copy that the disk has no room for fails', async () => {
  const { path } = await stored();
  const copied = async (): Promise<void> => {
    for await (const _ of copiedChunks(path, '/dev/full'));
  };
  await expect(copied()).rejects.toMatchObject({ code: 'ENOSPC' });
});

describe('the content digest', () => {
  test('changes with every single byte but the ten that say nothing about the content', async () => {
    const { path, bytes } = await stored();
    const digest = await contentDigestOf(path);
    const unseen: number[] = [];
    for (let position = 0; position < bytes.length; position++) {
      const other = await flipped(path, bytes, position, bitAt(position), () => contentDigestOf(path));
      if (other === digest) unseen.push(position);
    }
    expect(unseen).toEqual(IGNORED);
    expect(await contentDigestOf(path)).toBe(digest);
  });

  test('is the SHA-256 of the file with those bytes as zero, and what the store was told', async () => {
    const { path, bytes, digest } = await stored();
    for (const position of IGNORED) bytes.writeUInt8(0, position);
    expect(await contentDigestOf(path)).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(digest).toBe(await contentDigestOf(path));
  });

  const TWINS: readonly { name: string; change: (path: string) => void }[] = [
    { name: 'that is marked as being in WAL mode', change: (path) => overwrite(path, 18, 2, 2) },
    { name: 'that SQLite put into WAL mode', change: (path) => inSqlite(path, 'PRAGMA journal_mode = WAL') },
    {
      name: 'with other counters, which need not be equal',
      change: (path) => {
        overwrite(path, 24, 1, 2, 3, 4);
        overwrite(path, 92, 5, 6, 7, 8);
      },
    },
  ];
  for (const { name, change } of TWINS) {
    test(`is equal for a file and its twin ${name}`, async () => {
      const { path, bytes } = await stored();
      const twin = copyOf(path);
      change(twin);
      expect(readFileSync(twin).equals(bytes), 'the bytes').toBe(false);
      expect(await contentDigestOf(twin)).toBe(await contentDigestOf(path));
    });
  }

  // Sizes of exactly one chunk, just over one, and within a second.
  const MIB = 1024 * 1024;
  for (const size of [0, 1, 18, 19, 25, 95, 99, 100, MIB - 1, MIB, MIB + 1, 3 * MIB + 12_345]) {
    test(`of ${size} bytes is what one call of a hash says`, async () => {
      const bytes = Buffer.alloc(size);
      for (let position = 0; position < size; position++) bytes[position] = (position * 31 + (position >>> 8)) % 256;
      const path = newPath();
      writeFileSync(path, bytes);
      for (const position of IGNORED) if (position < size) bytes.writeUInt8(0, position);
      expect(await contentDigestOf(path)).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(readFileSync(path).length).toBe(size);
    });
  }

  for (const size of [0, 1, MIB, MIB + 1, 2 * MIB, 3 * MIB + 12_345]) {
    test(`of ${size} bytes is found while they are copied, and the copy has just these bytes`, async () => {
      const [path, copy] = [newPath(), newPath()];
      const bytes = randomBytes(size);
      writeFileSync(path, bytes);
      const hash = createHash('sha256');
      for await (const chunk of copiedChunks(path, copy)) hash.update(chunk);
      expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
      expect(readFileSync(copy).equals(bytes)).toBe(true);
      expect(statSync(copy).mode & 0o777).toBe(0o600);
    });
  }

  test('of a large file sees the same offsets of later chunks', async () => {
    // Only the first chunk begins with the header.
    const path = newPath();
    writeFileSync(path, Buffer.alloc(2 * MIB + 200, 7));
    const digest = await contentDigestOf(path);
    for (const chunk of [MIB, 2 * MIB]) {
      for (const position of IGNORED) {
        overwrite(path, chunk + position, 8);
        expect(await contentDigestOf(path), `with another byte at ${chunk + position}`).not.toBe(digest);
        overwrite(path, chunk + position, 7);
      }
    }
  });
});

function inSqlite(path: string, sql: string): void {
  const database = new Database(path);
  database.exec(sql);
  database.close();
}

describe('damage', () => {
  test('is found for any single byte anywhere in what a commit stored', async () => {
    const { path, bytes, digest } = await stored();
    expect(await isDamaged(path, { digest })).toBe(false);
    const unseen: number[] = [];
    for (let position = 0; position < bytes.length; position++) {
      const seen = await flipped(path, bytes, position, bitAt(position), () => isDamaged(path, { digest }));
      if (!seen) unseen.push(position);
    }
    expect(unseen).toEqual([]);
  });

  test('is found in the bytes that the digest leaves out, whatever they become', async () => {
    const { path, bytes, digest } = await stored();
    const unseen: string[] = [];
    for (const position of IGNORED) {
      for (let mask = 1; mask < 256; mask++) {
        const seen = await flipped(path, bytes, position, mask, () => isDamaged(path, { digest }));
        if (!seen) unseen.push(`${position} ^ ${mask}`);
      }
    }
    expect(unseen).toEqual([]);
  });

  const CHANGES: readonly { name: string; change: (path: string, size: number) => void; damage: boolean }[] = [
    { name: 'what was stored', change: () => {}, damage: false },
    { name: 'one in WAL mode', change: (path) => overwrite(path, 18, 2, 2), damage: false },
    { name: 'one without its last byte', change: (path, size) => truncateSync(path, size - 1), damage: true },
    { name: 'one without its last page', change: (path, size) => truncateSync(path, size - 4096), damage: true },
    { name: 'one with a byte too many', change: (path, size) => truncateSync(path, size + 1), damage: true },
    { name: 'one of 99 bytes', change: (path) => truncateSync(path, 99), damage: true },
    { name: 'one of 100 bytes', change: (path) => truncateSync(path, 100), damage: true },
    { name: 'an empty one', change: (path) => truncateSync(path, 0), damage: true },
    { name: 'one in a mode that nobody knows', change: (path) => overwrite(path, 18, 3, 3), damage: true },
  ];
  for (const { name, change, damage } of CHANGES) {
    test(`of a file: ${name}: ${damage}, and never where no digest is known`, async () => {
      const { path, bytes, digest } = await stored();
      change(path, bytes.length);
      expect(await isDamaged(path, { digest })).toBe(damage);
      expect(await isDamaged(path, {})).toBe(false);
      expect(await isDamaged(path, { digest: undefined })).toBe(false);
    });
  }

  test('of a file shorter than a header is found although its digest is right', async () => {
    const path = newPath();
    writeFileSync(path, Buffer.alloc(99));
    expect(await isDamaged(path, { digest: await contentDigestOf(path) })).toBe(true);
  });

  test('of a large file is found in its last chunk', async () => {
    const { path } = await stored();
    inSqlite(path, 'CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(3000000))');
    makeUnique(path, bench.random);
    const digest = await contentDigestOf(path);
    expect(await isDamaged(path, { digest })).toBe(false);
    overwrite(path, statSync(path).size - 1, 1);
    expect(await isDamaged(path, { digest })).toBe(true);
  });

  test('is a failure of the kind corrupt that says where', () => {
    const { kind, message } = damaged('in the store');
    expect({ kind, message }).toEqual({ kind: 'corrupt', message: expect.stringContaining('in the store') });
  });
});

describe('a commit', () => {
  test('of the same content as another has other bytes and the same content digest', async () => {
    const [alice, bob] = [await stored('alice'), await stored('bob')];
    expect(alice.bytes.equals(bob.bytes), 'the bytes').toBe(false);
    expect(alice.digest).toBe(bob.digest);
  });

  test('is like no other of a thousand of the same file', async () => {
    const { path } = await stored();
    const digest = await contentDigestOf(path);
    const seen = new Set<string>();
    for (let commit = 0; commit < 1_000; commit++) {
      makeUnique(path, bench.random);
      seen.add(readFileSync(path).toString('latin1'));
    }
    expect(seen.size).toBe(1_000);
    expect(await contentDigestOf(path)).toBe(digest);
  });

  const BEFORE: readonly { name: string; before: (path: string) => void }[] = [
    { name: 'as SQLite leaves it', before: () => {} },
    {
      // SQLite before 3.7.0 counted the change but left the page count and its validity.
      name: 'that an old SQLite wrote last, with a page count of before',
      before: (path) => {
        overwrite(path, 24, 0, 0, 9, 9);
        overwrite(path, 28, 0, 0, 0, 1);
      },
    },
    {
      name: 'that an old SQLite wrote last, with a page count that is too high',
      before: (path) => {
        overwrite(path, 92, 0, 0, 0, 0);
        overwrite(path, 28, 0, 0, 1, 0);
      },
    },
    {
      name: 'without a page count',
      before: (path) => {
        overwrite(path, 92, 0, 0, 0, 0);
        overwrite(path, 28, 0, 0, 0, 0);
      },
    },
    {
      // As in a file that only an old SQLite wrote: both counters are equal by chance, and the count is zero.
      name: 'without a page count, with equal counters',
      before: (path) => {
        overwrite(path, 24, 0, 0, 0, 0);
        overwrite(path, 92, 0, 0, 0, 0);
        overwrite(path, 28, 0, 0, 0, 0);
      },
    },
  ];
  for (const pageSize of [512, 4096, 65_536]) {
    for (const { name, before } of BEFORE) {
      test(`of a file ${name} opens as before, pages of ${pageSize} bytes`, async () => {
        const path = newPath();
        inSqlite(
          path,
          `PRAGMA page_size = ${pageSize}; CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(200000)), (2)`,
        );
        const pages = statSync(path).size / pageSize;
        before(path);
        makeUnique(path, seededRandom(7));
        expect(readHeader(path).journal).toBe('rollback');
        const counters = readFileSync(path);
        expect(counters.readUInt32BE(24), 'the two counters').toBe(counters.readUInt32BE(92));
        const database = new Database(path);
        expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
        expect(database.pragma('page_count', { simple: true })).toBe(pages);
        expect(database.prepare('SELECT length(x) AS n FROM t').all()).toEqual([{ n: 200_000 }, { n: 1 }]);
        // It can be changed, and grows at its end.
        database.exec('INSERT INTO t VALUES (zeroblob(200000))');
        expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
        database.close();
      });
    }
  }

  test('of a file whose counter is at its end is seen to change by the next edit', async () => {
    // SQLite counts from there to zero, which must not look like "nothing changed".
    const { clock, store, random } = bench;
    const last = { ...random, hex: (bytes: number) => (bytes === 4 ? 'ffffffff' : random.hex(bytes)) };
    const { cache } = bench.machine();
    const databases = new UserDatabases({
      store,
      cache,
      sqlite: async () => betterSqlite,
      caching: true,
      clock,
      random: last,
      stalenessMaxMs: 0,
    });
    await databases.create('alice', createTable);
    expect(readHeader(cache.lookup('alice')?.path ?? '').changeCounter).toBe(0xffffffff);
    const insert = (database: SqliteDatabase): unknown => database.exec('INSERT INTO t VALUES (3)');
    expect(await databases.update('alice', insert, { retries: 0 })).toMatchObject({ outcome: 'committed' });
    const nothing = (database: SqliteDatabase): unknown => database.exec('SELECT 1');
    expect(await databases.update('alice', nothing, { retries: 0 })).toMatchObject({ outcome: 'unchanged' });
  });
});
