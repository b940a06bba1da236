import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { immediately } from '../sqlite/engine.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** Packages as today's Anki writes them, without this project's own code, so that they are independent of what is tested. */

const BLOCK_BYTES = 128 * 1024;

/** A frame of Zstandard that packs nothing. */
export function zstdFrame(bytes: Uint8Array, { windowLog = 17 } = {}): Buffer {
  const blocks: Buffer[] = [];
  for (let start = 0; start === 0 || start < bytes.length; start += BLOCK_BYTES) {
    const block = bytes.subarray(start, start + BLOCK_BYTES);
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | Number(start + BLOCK_BYTES >= bytes.length), 0, 3);
    blocks.push(header, Buffer.from(block));
  }
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3]), ...blocks]);
}

/** A message: fields by number. Numbers are varints, texts and bytes have their length, `float` is 32 bits. */
export function message(
  fields: readonly (readonly [number, number | bigint | string | Uint8Array | { float: number }])[],
): Buffer {
  return Buffer.concat(
    fields.flatMap(([number, value]) => {
      const tag = (wire: number): Buffer => varint(BigInt(number * 8 + wire));
      if (typeof value === 'number' || typeof value === 'bigint')
        return [tag(0), varint(BigInt.asUintN(64, BigInt(value)))];
      if (typeof value === 'object' && 'float' in value) return [tag(5), floats(value.float)];
      const bytes = Buffer.from(value as Uint8Array);
      return [tag(2), varint(BigInt(bytes.length)), bytes];
    }),
  );
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}

function floats(...values: number[]): Buffer {
  return Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value);
      return bytes;
    }),
  );
}

export function zipFile(entries: Readonly<Record<string, Uint8Array | string>>, name = 'package.apkg'): string {
  const path = join(temporaryDirectory(), name);
  const files = Object.entries(entries).map(([entry, bytes]) => [entry, Buffer.from(bytes as Uint8Array)]);
  writeFileSync(path, zipSync(Object.fromEntries(files)));
  return path;
}

/** A package as Anki writes it since 2.1.50. */
export function newestPackage(collection: string, media: Readonly<Record<string, string>> = {}, name?: string): string {
  const names = Object.keys(media);
  return zipFile(
    {
      meta: message([[1, 3]]),
      'collection.anki2': 'a note that says to update Anki',
      'collection.anki21b': zstdFrame(readFileSync(collection)),
      media: zstdFrame(
        message(
          names.map((each) => [
            1,
            message([
              [1, each],
              [2, media[each]?.length ?? 0],
            ]),
          ]),
        ),
      ),
      ...Object.fromEntries(names.map((each, index) => [String(index), zstdFrame(Buffer.from(media[each] ?? ''))])),
    },
    name,
  );
}

const SCHEMA = `
CREATE TABLE col (id integer PRIMARY KEY, crt integer NOT NULL, mod integer NOT NULL, scm integer NOT NULL, ver integer NOT NULL,
  dty integer NOT NULL, usn integer NOT NULL, ls integer NOT NULL, conf text NOT NULL, models text NOT NULL,
  decks text NOT NULL, dconf text NOT NULL, tags text NOT NULL);
CREATE TABLE notes (id integer PRIMARY KEY, guid text NOT NULL, mid integer NOT NULL, mod integer NOT NULL, usn integer NOT NULL,
  tags text NOT NULL, flds text NOT NULL, sfld integer NOT NULL, csum integer NOT NULL, flags integer NOT NULL, data text NOT NULL);
CREATE TABLE cards (id integer PRIMARY KEY, nid integer NOT NULL, did integer NOT NULL, ord integer NOT NULL, mod integer NOT NULL,
  usn integer NOT NULL, type integer NOT NULL, queue integer NOT NULL, due integer NOT NULL, ivl integer NOT NULL,
  factor integer NOT NULL, reps integer NOT NULL, lapses integer NOT NULL, left integer NOT NULL, odue integer NOT NULL,
  odid integer NOT NULL, flags integer NOT NULL, data text NOT NULL);
CREATE TABLE revlog (id integer PRIMARY KEY, cid integer NOT NULL, usn integer NOT NULL, ease integer NOT NULL, ivl integer NOT NULL,
  lastIvl integer NOT NULL, factor integer NOT NULL, time integer NOT NULL, type integer NOT NULL);
CREATE INDEX ix_cards_nid ON cards (nid);
CREATE INDEX idx_notes_mid ON notes (mid);
CREATE TABLE deck_config (id integer PRIMARY KEY NOT NULL, name text NOT NULL COLLATE NOCASE , mtime_secs integer NOT NULL,
  usn integer NOT NULL, config blob NOT NULL);
CREATE TABLE config (KEY text NOT NULL PRIMARY KEY, usn integer NOT NULL, mtime_secs integer NOT NULL, val blob NOT NULL) WITHOUT ROWID;
CREATE TABLE fields (ntid integer NOT NULL, ord integer NOT NULL, name text NOT NULL COLLATE NOCASE , config blob NOT NULL,
  PRIMARY KEY (ntid, ord)) WITHOUT ROWID;
CREATE UNIQUE INDEX idx_fields_name_ntid ON fields (name, ntid);
CREATE TABLE templates (ntid integer NOT NULL, ord integer NOT NULL, name text NOT NULL COLLATE NOCASE , mtime_secs integer NOT NULL,
  usn integer NOT NULL, config blob NOT NULL, PRIMARY KEY (ntid, ord)) WITHOUT ROWID;
CREATE UNIQUE INDEX idx_templates_name_ntid ON templates (name, ntid);
CREATE TABLE notetypes (id integer NOT NULL PRIMARY KEY, name text NOT NULL COLLATE NOCASE , mtime_secs integer NOT NULL,
  usn integer NOT NULL, config blob NOT NULL);
CREATE UNIQUE INDEX idx_notetypes_name ON notetypes (name);
CREATE TABLE decks (id integer PRIMARY KEY NOT NULL, name text NOT NULL COLLATE NOCASE , mtime_secs integer NOT NULL,
  usn integer NOT NULL, common blob NOT NULL, kind blob NOT NULL);
CREATE UNIQUE INDEX idx_decks_name ON decks (name);
CREATE TABLE tags (tag text NOT NULL PRIMARY KEY COLLATE NOCASE , usn integer NOT NULL, collapsed boolean NOT NULL,
  config blob NULL) WITHOUT ROWID;
CREATE TABLE graves (oid integer NOT NULL, type integer NOT NULL, usn integer NOT NULL, PRIMARY KEY (oid, type)) WITHOUT ROWID;
`;

/** The id of a field in that collection, which no JSON number of JavaScript holds. */
export const LONG_ID = -7_263_940_283_740_928_374n;

/** Writes a collection of schema 18: two note types, nested decks, one filtered, a review, and a tag that is folded. */
export function writeSchema18(): string {
  const path = join(temporaryDirectory(), 'collection.anki21b');
  const database = betterSqlite.open(path, 'read-write');
  database.exec(SCHEMA);
  const add = (sql: string, ...values: (string | number | Uint8Array)[]): void =>
    void database.prepare(sql).run(...values);
  const noteType = (id: number, name: string, kind: number, templates: string[]): void => {
    const config = message([
      [1, kind],
      [3, '.card {}'],
      [5, 'pre'],
      [
        8,
        message([
          [1, 0],
          [2, 1],
          [3, Buffer.from([0])],
        ]),
      ],
      [255, '{"addOn":1}'],
    ]);
    add('INSERT INTO notetypes VALUES (?, ?, 5, 0, ?)', id, name, config);
    for (const [ord, field] of ['Front', 'Rückseite'].entries()) {
      add(
        'INSERT INTO fields VALUES (?, ?, ?, ?)',
        id,
        ord,
        field,
        message([
          [3, 'Arial'],
          [4, 20],
          [9, LONG_ID],
        ]),
      );
    }
    for (const [ord, question] of templates.entries()) {
      add(
        'INSERT INTO templates VALUES (?, ?, ?, 5, 0, ?)',
        id,
        ord,
        `Card ${ord + 1}`,
        message([
          [1, question],
          [2, '{{Rückseite}}'],
        ]),
      );
    }
  };
  immediately(database, () => {
    add("INSERT INTO col VALUES (1, 1700000000, 1700000000001, 1700000000000, 18, 0, 0, 0, '', '', '', '', '')");
    noteType(11, 'Basic (and reversed)', 0, ['{{Front}}', '{{Rückseite}}']);
    noteType(12, 'Lücke', 1, ['{{cloze:Front}}']);
    const normal = (config: number): Buffer =>
      message([
        [
          1,
          message([
            [1, config],
            [4, 'about'],
            [6, 30],
            [
              8,
              message([
                [1, 9],
                [2, 4],
              ]),
            ],
          ]),
        ],
      ]);
    const common = message([
      [1, 1],
      [3, 12],
      [4, 3],
    ]);
    add('INSERT INTO decks VALUES (1, ?, 5, 0, ?, ?)', 'Default', common, normal(1));
    add('INSERT INTO decks VALUES (21, ?, 5, 0, ?, ?)', 'Ärzte', common, normal(31));
    add('INSERT INTO decks VALUES (22, ?, 5, 0, ?, ?)', 'Ärzte\x1fNeu', common, normal(1));
    const filtered = message([
      [
        2,
        message([
          [1, 1],
          [
            2,
            message([
              [1, 'is:due'],
              [2, 50],
              [3, 6],
            ]),
          ],
          [7, 60],
        ]),
      ],
    ]);
    add('INSERT INTO decks VALUES (23, ?, 5, 0, ?, ?)', 'Cram', common, filtered);
    const options = message([
      [1, floats(1, 10)],
      [9, 7],
      [10, 100],
      [11, { float: 2.5 }],
      [18, 1],
      [19, 4],
      [37, { float: 0.9 }],
    ]);
    for (const [id, name] of [
      [1, 'Default'],
      [31, 'Hard'],
    ] as const)
      add('INSERT INTO deck_config VALUES (?, ?, 5, 0, ?)', id, name, options);
    for (const [key, value] of Object.entries({
      curDeck: 1,
      curModel: 11,
      nextPos: 4,
      schedVer: 2,
      creationOffset: 0,
    })) {
      add('INSERT INTO config VALUES (?, 0, 5, ?)', key, Buffer.from(JSON.stringify(value)));
    }
    for (const [tag, folded] of [
      ['Äpfel', 0],
      ['äußeres', 1],
      ['zoo', 0],
      ['Übel', 0],
    ] as const)
      add('INSERT INTO tags VALUES (?, 0, ?, NULL)', tag, folded);
    const note = "INSERT INTO notes VALUES (?, ?, ?, 7, 0, ' zoo ', ?, 'Hund', 1, 0, '')";
    add(note, 41, 'guid-41', 11, 'Hund\x1fdog');
    add(note, 42, 'guid-42', 12, '{{c1::Katze}}\x1fcat');
    const card = "INSERT INTO cards VALUES (?, ?, ?, ?, 7, 0, 2, 2, ?, 9, 2500, 3, 0, 0, ?, ?, 0, '{}')";
    add(card, 51, 41, 21, 0, 40, 0, 0);
    add(card, 52, 41, 22, 1, 41, 0, 0);
    add(card, 53, 42, 23, 0, -100000, 42, 22);
    add('INSERT INTO revlog VALUES (61, 51, 0, 3, 9, 4, 2500, 4000, 1)');
    add('INSERT INTO graves VALUES (71, 1, 0)');
  });
  database.close();
  withUnicase(path);
  return path;
}

/** Gives the names the collation that Anki registers, which SQLite does not have. */
function withUnicase(path: string): void {
  const bytes = readFileSync(path).toString('latin1').replaceAll('COLLATE NOCASE ', 'COLLATE unicase');
  writeFileSync(path, Buffer.from(bytes, 'latin1'));
}
