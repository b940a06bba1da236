/** Packages that somebody made to do harm, or that broke on their way. */
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { newCollectionAt } from '../testing/generated-collection.ts';
import { message, newestPackage, writeSchema18, zipFile, zstdFrame } from '../testing/packages.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { openPackage } from './open-package.ts';
import { type UnpackedPackage, unpackPackage } from './package.ts';
import { readMessage } from './protobuf.ts';
import { unpackZstd } from './zstd.ts';

/** Made by zstd 1.5 at level 3, of `line 0 of 0 and again the same words`, `line 1 of 1 …` to line 199. */
const PACKED = [
  'KLUv/QBYLRoAhtk4GXBJ0hxAVI7P+UDKpKqqIS0tWbkF7v53jwVAAC8AMAA5rWeWkcsWK8+sRXO9p49JhklntZqyKUvzEDgYj+JgKABICEA4WB',
  'iFAZEwCgKFcTAQA8QIOBBDhsDBkFEcDAUBZVVFVZy8SqpZvMuzwmpSCR+aTiRkljXE/rVq3aqJ1JmWaop4b6SWgyh1ZK2JqBbLMsmV5WWRKTEv',
  'rTIzE/HQkAqpODgK5uHdlZ3V0WWP5vKTS0M7Mysjy5qNbWKJRRd5Tr/844bf3/2b5P7G7b8+E+vsfvrv/z2f8/nP56+/238KyhKBd6hhZd3+vw',
  'HxhRFjFCI/EuCDUEXw/wlBjsOdbowIIR4EyDPb4+3d8fbSeLtc/l206nhNYrzY4nrxooprxYsorhOv47puDxt+d4rDPrcufBktNYOHnDvRRWiW',
  'qMDnDYB/cyL576ZAnrgQfZ98k8L3nsHT3sNfItZ7JJ24jMD7LPbpbcDFuuvkYIXuUN/aC6gSnPujGfJytzTibjeHOxr/nzTfttsjCpuq7dK9K7',
  'YHl55eu/6nk/KSomnXdb4e7Zy8I7PHOgstu/4myKi6JNlBXEvHXrXb4IzD8ayFTz6aeX2jm9z1fO7C1hNXNxg2sSqasr6pE8J6usno6pmZWAJ3',
  'qHrbdYHqza+FqTchFqTecLA6F6hDn09XqHMtuCMwPWebeOcQlG7OhKR0dQlW0h0L6ajauqvXhNENP2wVHXp2RfRkDF34RcyfThx0IQfowpryPr',
  'e+59x7idHP89f9b50nLbbnJ7YhPewQbKhFUTl9J/KkRkxQUYu7UAhlI8JqNBQnPTuzuA8BDiBax6GeJYhkYeEctjgtcChcZ5FD05N1Dp2j2EcC',
  'LmsOnmpDyP6i2FlMIGRJNFLYPHnCDJqVwj9+qOsK3mtuukp8A6ef4DfXvmXfQ0bFCvebKJ9KIQ0WWoWSIERrdVGDoUdE6OGpYACCZv37JOFKVz',
  'I++YcXr+Mq9vDAaAsBYxrOJXJHdYhpOT1zKgpDQ4wx5EhFqrSmBCXWmhKUWGs4mdYq28fHEVaCR0BLBAtdwUtOCY3Q57qPSfhsxClVf+xtEPTx',
  'J3wXuCIoIeXYZM+aFVyscwMB5ZQq',
].join('');

let collection: Buffer;
let work: string;

beforeEach(() => {
  collection = readFileSync(newCollectionAt(0));
  work = temporaryDirectory();
});

async function unpacked<T>(file: string, use: (unpacked: UnpackedPackage) => T | Promise<T>): Promise<T> {
  const found = await unpackPackage(betterSqlite, file, work);
  try {
    return await use(found);
  } finally {
    await found.close();
  }
}

/** What became of a package: its failure, or `opened`. */
async function outcome(file: string): Promise<string> {
  try {
    return await unpacked(file, ({ path }) => {
      openPackage(betterSqlite, path, file).close();
      return 'opened';
    });
  } catch (error) {
    if (!(error instanceof JavumboError)) throw error;
    return `${error.kind}: ${error.message.replaceAll(file, 'FILE')}`;
  }
}

/** Changes bytes of a zip behind one of its signatures. */
function tampered(file: string, signature: number, change: (bytes: Buffer, at: number) => void): string {
  const bytes = readFileSync(file);
  const mark = Buffer.alloc(4);
  mark.writeUInt32LE(signature);
  change(bytes, bytes.indexOf(mark));
  writeFileSync(file, bytes);
  return file;
}

const [LOCAL, ENTRY, END] = [0x04034b50, 0x02014b50, 0x06054b50];
const simple = (more: Record<string, Uint8Array | string> = {}): string =>
  zipFile({ 'collection.anki2': collection, media: '{}', ...more });

describe('a package is opened', () => {
  test('in each of its forms', async () => {
    const newest = newestPackage(writeSchema18(), { 'ä.jpg': 'picture' });
    for (const file of [simple(), simple({ 'collection.anki21': collection }), newest]) {
      work = temporaryDirectory();
      expect(await outcome(file)).toBe('opened');
    }
    work = temporaryDirectory();
    const media = await unpacked(newest, async (found) => {
      await found.unpackMedium('0', join(work, 'picture'));
      return [...found.media];
    });
    expect(media).toEqual([['0', 'ä.jpg']]);
    expect(readFileSync(join(work, 'picture'), 'utf8')).toBe('picture');
  });

  test('with the newest of its collections, for the others only say so', async () => {
    expect(await outcome(zipFile({ 'collection.anki2': 'update Anki', 'collection.anki21': collection }))).toBe(
      'opened',
    );
  });
});

describe('nothing of a package is unpacked', () => {
  const declared = (sizeBytes: number) => (): string =>
    tampered(simple(), ENTRY, (bytes, at) => bytes.writeUInt32LE(sizeBytes, at + 24));

  test.each<{ name: string; file: () => string; is: RegExp }>([
    { name: 'that is no zip', file: () => plain('hello'), is: /^corrupt: FILE .*not a zip/ },
    { name: 'that is empty', file: () => plain(''), is: /^corrupt/ },
    { name: 'without a collection', file: () => zipFile({ media: '{}' }), is: /^corrupt: .*no collection/ },
    {
      name: 'with a path that climbs',
      file: () => simple({ '../../etc/passwd': 'x' }),
      is: /^corrupt: .*leads out of it/,
    },
    {
      name: 'with a path from the root',
      file: () => simple({ '/etc/passwd': 'x' }),
      is: /^corrupt: .*leads out of it/,
    },
    { name: 'with a path of Windows', file: () => simple({ 'C:\\x': 'x' }), is: /^corrupt: .*leads out of it/ },
    {
      name: 'with a medium that climbs',
      file: () => simple({ media: '{"0":"../x"}', 0: 'x' }),
      is: /^corrupt: .*no name of a file/,
    },
    {
      name: 'with a medium that is a directory',
      file: () => simple({ media: '{"0":".."}', 0: 'x' }),
      is: /^corrupt: .*no name of a file/,
    },
    {
      name: 'with a number of a medium that climbs',
      file: () => simple({ media: '{"../0":"x"}' }),
      is: /^corrupt: .*no name of a file/,
    },
    { name: 'with media that are no list', file: () => simple({ media: '{' }), is: /^corrupt: .*not JSON/ },
    { name: 'with the same entry twice', file: () => twice(), is: /^corrupt: .*twice/ },
    { name: 'of more than 300 MB', file: declared(300_000_001), is: /^usage: .*more than 300\.0 MB/ },
    { name: 'of more than 100 times its size', file: declared(200_000_000), is: /^usage: .*more than 100 times/ },
    { name: 'that is larger than it says', file: declared(5_000), is: /^corrupt: .*larger than it says/ },
    { name: 'that is smaller than it says', file: declared(100_000), is: /^corrupt: .*not what was packed/ },
    {
      name: 'with another checksum',
      file: () => tampered(simple(), ENTRY, (bytes, at) => bytes.writeUInt32LE(7, at + 16)),
      is: /^corrupt: .*not what was packed/,
    },
    {
      name: 'that is encrypted',
      file: () => tampered(simple(), ENTRY, (bytes, at) => bytes.writeUInt16LE(1, at + 8)),
      is: /^corrupt: .*does not use/,
    },
    {
      name: 'packed by another method',
      file: () => tampered(simple(), ENTRY, (bytes, at) => bytes.writeUInt16LE(12, at + 10)),
      is: /^corrupt: .*does not use/,
    },
    {
      name: 'with an entry elsewhere',
      file: () => tampered(simple(), ENTRY, (bytes, at) => bytes.writeUInt32LE(3, at + 42)),
      is: /^corrupt: .*not where/,
    },
    {
      name: 'with an entry behind its end',
      file: () => tampered(simple(), ENTRY, (bytes, at) => bytes.writeUInt32LE(9_999_999, at + 20)),
      is: /^corrupt: .*cut off/,
    },
    {
      name: 'with a directory elsewhere',
      file: () => tampered(simple(), END, (bytes, at) => bytes.writeUInt32LE(1, at + 16)),
      is: /^corrupt: .*not whole/,
    },
    {
      name: 'with a directory that says it is huge',
      file: () => tampered(simple(), END, (bytes, at) => bytes.writeUInt32LE(0x7fffffff, at + 12)),
      is: /^corrupt: .*more files/,
    },
    {
      name: 'with rubbish for its content',
      file: () => tampered(simple(), LOCAL, (bytes, at) => bytes.fill(0xff, at + 60, at + 400)),
      is: /^corrupt/,
    },
    {
      name: 'of a newer form',
      file: () => zipFile({ meta: message([[1, 4]]), 'collection.anki2': 'x' }),
      is: /^usage: .*newer Anki \(form 4\)/,
    },
    {
      name: 'whose form lies about its length',
      file: () => zipFile({ meta: Buffer.from([0x0a, 0xff, 0x01]) }),
      is: /^corrupt/,
    },
    {
      name: 'with a list of media of 17 MB',
      file: () => simple({ media: randomBytes(17_000_000) }),
      is: /^corrupt: .*16000000 are allowed/,
    },
    {
      name: 'whose media lie about their length',
      file: () => newest({ media: zstdFrame(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x0f])) }),
      is: /^corrupt/,
    },
    {
      name: 'whose Zstandard is none',
      file: () => newest({ 'collection.anki21b': 'x'.repeat(99) }),
      is: /^corrupt: .*not Zstandard/,
    },
    {
      name: 'whose Zstandard is cut off',
      file: () => newest({ 'collection.anki21b': zstdFrame(collection).subarray(0, -9) }),
      is: /^corrupt: .*cut off/,
    },
    {
      name: 'whose Zstandard wants 2 GB',
      file: () => newest({ 'collection.anki21b': zstdFrame(collection, { windowLog: 31 }) }),
      is: /^corrupt: .*bytes of memory/,
    },
    {
      name: 'whose Zstandard is a bomb',
      file: () => newest({ 'collection.anki21b': zstdBomb() }),
      is: /^usage: .*100 times/,
    },
    {
      name: 'whose collection is rubbish',
      file: () => zipFile({ 'collection.anki2': 'rubbish'.repeat(99) }),
      is: /^corrupt: FILE/,
    },
    {
      name: 'whose collection is damaged',
      file: () => zipFile({ 'collection.anki2': collection.fill(0x5a, 4096, 20_000) }),
      is: /^corrupt: FILE/,
    },
  ])('$name', async ({ file, is }) => {
    expect(await outcome(file())).toMatch(is);
  });

  const plain = (text: string): string => {
    const path = join(temporaryDirectory(), 'plain.apkg');
    writeFileSync(path, text);
    return path;
  };
  const newest = (more: Record<string, Uint8Array | string>): string =>
    zipFile({ meta: message([[1, 3]]), 'collection.anki21b': zstdFrame(collection), ...more });
  const twice = (): string => {
    const file = simple({ 'collection.anki3': 'x' });
    const bytes = readFileSync(file);
    bytes.write('collection.anki2', bytes.lastIndexOf('collection.anki3'));
    writeFileSync(file, bytes);
    return file;
  };
  // Ten thousand blocks, each of which repeats one byte 131,072 times.
  const zstdBomb = (): Buffer => {
    const block = Buffer.from([2, 0, 16, 0]);
    return Buffer.concat([
      zstdFrame(Buffer.from('x')).subarray(0, 6),
      ...Array.from({ length: 10_000 }, () => block),
      Buffer.from([1, 0, 0]),
    ]);
  };
});

// A table of that name with columns of any kind.
const CARDS =
  'DROP TABLE cards; CREATE TABLE cards AS SELECT 1 AS id, 1 AS nid, 1 AS did, 0 AS ord, 0 AS mod, 0 AS usn, 0 AS type, 0 AS queue, 0 AS due, 0 AS ivl, 0 AS factor, 0 AS reps, 0 AS lapses, 0 AS left, 0 AS odue, 0 AS odid, 0 AS flags, NULL AS data';

describe('a collection with rows that Anki does not make is refused', () => {
  test.each([
    { name: 'a note of bytes', sql: "INSERT INTO notes VALUES (1, 'g', 1, 1, 0, '', x'00', '', 0, 0, '')" },
    {
      name: 'an id beyond 2^53',
      sql: "INSERT INTO notes VALUES (9007199254740993, 'g', 1, 1, 0, '', '', '', 0, 0, '')",
    },
    {
      name: 'a field of 17 MB',
      sql: "INSERT INTO notes VALUES (1, 'g', 1, 1, 0, '', hex(randomblob(8500000)), '', 0, 0, '')",
    },
    {
      name: 'a card with a text for its deck',
      sql: "INSERT INTO cards VALUES (1, 1, 'x', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '')",
    },
    { name: 'a card without its data', sql: CARDS },
    { name: 'a review at no time', sql: "INSERT INTO revlog VALUES (1, 1, 0, 'x', 1, 1, 1, 1, 1)" },
    { name: 'settings of 17 MB', sql: "UPDATE col SET conf = json_set(conf, '$.x', hex(randomblob(8500000)))" },
    { name: 'a view for its notes', sql: 'ALTER TABLE notes RENAME TO own; CREATE VIEW notes AS SELECT * FROM own' },
  ])('$name', async ({ sql }) => {
    const path = newCollectionAt(0);
    const database = betterSqlite.open(path, 'read-write');
    database.exec(sql);
    database.close();
    expect(await outcome(zipFile({ 'collection.anki2': readFileSync(path) }))).toMatch(/^corrupt: FILE: /);
  });
});

describe('Zstandard', () => {
  const unpack = async (bytes: Buffer): Promise<string> => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'packed'), bytes);
    await unpackZstd(join(directory, 'packed'), join(directory, 'unpacked'), 'it');
    return readFileSync(join(directory, 'unpacked'), 'utf8');
  };

  test('is unpacked as zstd packed it, also of several frames with some to skip', async () => {
    const text = Array.from({ length: 200 }, (_, i) => `line ${i} of ${(i * i) % 97} and again the same words\n`).join(
      '',
    );
    const packed = Buffer.from(PACKED, 'base64');
    expect(await unpack(packed)).toBe(text);
    const skipped = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9]);
    expect(await unpack(Buffer.concat([packed, skipped, packed]))).toBe(text + text);
    expect(await unpack(zstdFrame(Buffer.alloc(300_000, 'a')))).toBe('a'.repeat(300_000));
  });

  test('that is damaged is refused or comes out otherwise, and no defect shows', async () => {
    const packed = Buffer.from(PACKED, 'base64');
    await fc.assert(
      fc.asyncProperty(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bytes = Buffer.from(packed);
        bytes[at] = (bytes[at] ?? 0) ^ change;
        await unpack(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(JavumboError));
      }),
      { numRuns: 60 },
    );
  });
});

describe('a message', () => {
  const SHAPE = { 1: ['n', 'int'], 2: ['text', 'text'], 3: ['list', 'floats'], 4: ['missing', 'int?'] } as const;

  test('is read by its fields, and the numbers of unknown ones are told', () => {
    const bytes = message([
      [1, -5n],
      [2, 'ä'],
      [9, 1],
    ]);
    expect(readMessage(bytes, SHAPE)).toEqual({ values: { n: -5, text: 'ä', list: [], missing: null }, unknown: [9] });
  });

  test('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          readMessage(bytes, SHAPE);
        } catch (error) {
          expect(error).toMatchObject({ kind: 'corrupt' });
        }
      }),
    );
  });
});

test('a zip with any byte changed is opened or refused, and leaves nothing but in its directory', async () => {
  const file = simple();
  const sound = readFileSync(file);
  await fc.assert(
    fc.asyncProperty(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const bytes = Buffer.from(sound);
      bytes[at] = (bytes[at] ?? 0) ^ change;
      writeFileSync(file, bytes);
      work = temporaryDirectory();
      expect(await outcome(file)).toMatch(/^(opened|usage|corrupt)/);
      expect(readdirSync(join(file, '..'))).toEqual(['package.apkg']);
    }),
    { numRuns: 60 },
  );
});
