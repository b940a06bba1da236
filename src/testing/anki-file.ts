import { createHash } from 'node:crypto';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import { immediately } from '../sqlite/engine.ts';

const sqlite = await sqliteEngine();

const MODEL = 1_342_697_561_419;
const DAY_MS = 86_400_000;

/**
 * Writes a well-used Anki collection of schema 11 without this project's own collection code, so that the test data is
 * independent of what is tested. Has two cards for every third note, reviews of the cards in turn, ANALYZE statistics
 * and a deleted card in `graves`.
 */
export function writeAnkiFile(path: string, { notes, reviews }: { notes: number; reviews: number }): void {
  const database = sqlite.open(path, 'read-write');
  database.exec(SCHEMA);
  database
    .prepare('INSERT INTO col VALUES (1, 1341100800, 1700000000000, 1700000000000, 11, 0, -1, 0, ?, ?, ?, ?, ?)')
    .run(
      JSON.stringify({ nextPos: notes + 1, curDeck: 1, activeDecks: [1], curModel: String(MODEL), addToCur: true }),
      JSON.stringify({ [MODEL]: NOTE_TYPE }),
      JSON.stringify({ 1: DECK, 1400000000000: { ...DECK, id: 1_400_000_000_000, name: 'Deutsch' } }),
      JSON.stringify({ 1: { id: 1, name: 'Default', new: { perDay: 20, order: 1 }, rev: { perDay: 200 } } }),
      '{"animals":-1}',
    );
  const cards: number[] = [];
  immediately(database, () => {
    const addNote = database.prepare('INSERT INTO notes VALUES (?, ?, ?, ?, -1, ?, ?, ?, ?, 0, ?)');
    const addCard = database.prepare(
      'INSERT INTO cards VALUES (?, ?, ?, ?, ?, -1, 2, 2, ?, ?, 2500, ?, 1, 0, 0, 0, 0, ?)',
    );
    for (let index = 0; index < notes; index++) {
      const id = MODEL + index * DAY_MS;
      const front = FRONTS[index % FRONTS.length] ?? '';
      const tags = index % 2 === 0 ? ' animals ' : '';
      const sortField = front.replace(/<\/?b>/g, '');
      const checksum = Number.parseInt(createHash('sha1').update(sortField).digest('hex').slice(0, 8), 16);
      addNote.run(
        id,
        `guid-${index}`,
        MODEL,
        1_700_000_000,
        tags,
        `${front}\u001fback ${index}`,
        sortField,
        checksum,
        '',
      );
      for (let ord = 0; ord <= (index % 3 === 0 ? 1 : 0); ord++) {
        const card = id + ord + 1;
        addCard.run(card, id, ord === 0 ? 1 : 1_400_000_000_000, ord, 1_700_000_000, index, 10 + index, index, '{}');
        cards.push(card);
      }
    }
    const addReview = database.prepare('INSERT INTO revlog VALUES (?, ?, -1, ?, ?, ?, 2500, ?, 1)');
    for (let index = 0; index < reviews; index++) {
      const card = cards[index % cards.length] ?? 0;
      addReview.run(1_600_000_000_000 + index, card, 1 + (index % 4), index, index - 1, 4_000 + index);
    }
    database.exec('INSERT INTO graves VALUES (-1, 1342697561999, 0)');
  });
  database.exec('ANALYZE');
  database.close();
}

/** Returns the schema and every row of every table, SQLite's own included, to compare files. */
export function allRows(path: string): Record<string, unknown[]> {
  const database = sqlite.open(path, 'read-only');
  try {
    const rows = (sql: string): unknown[] => database.prepare(sql).safeIntegers().raw().all();
    const tables = rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") as [string][];
    return Object.fromEntries([
      ['sqlite_master', rows('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name')],
      ...tables.map(([name]) => [name, rows(`SELECT rowid, * FROM "${name}" ORDER BY rowid`)]),
    ]);
  } finally {
    database.close();
  }
}

// Numbers in the sort field, which has integer affinity, stay numbers; the rest is typical content.
const FRONTS = ['der Hund', '42', '3.5', '日本語', "it's <b>bold</b>", '😀 \\ "quoted"', '', 'line\nbreak\ttab'];

const NOTE_TYPE = {
  id: MODEL,
  name: 'Basic',
  type: 0,
  mod: 1_700_000_000,
  usn: -1,
  sortf: 0,
  did: 1,
  flds: [
    { name: 'Front', ord: 0 },
    { name: 'Back', ord: 1 },
  ],
  tmpls: [
    { name: 'Card 1', ord: 0, qfmt: '{{Front}}', afmt: '{{Back}}', did: null },
    { name: 'Card 2', ord: 1, qfmt: '{{#Add Reverse}}{{Back}}{{/Add Reverse}}', afmt: '{{Front}}', did: null },
  ],
  css: '',
  req: [[0, 'any', [0]]],
};

const DECK = { id: 1, name: 'Default', mod: 1_700_000_000, usn: -1, dyn: 0, conf: 1, desc: '' };

const SCHEMA = `
CREATE TABLE col (id integer primary key, crt integer not null, mod integer not null, scm integer not null,
  ver integer not null, dty integer not null, usn integer not null, ls integer not null, conf text not null,
  models text not null, decks text not null, dconf text not null, tags text not null);
CREATE TABLE notes (id integer primary key, guid text not null, mid integer not null, mod integer not null,
  usn integer not null, tags text not null, flds text not null, sfld integer not null, csum integer not null,
  flags integer not null, data text not null);
CREATE TABLE cards (id integer primary key, nid integer not null, did integer not null, ord integer not null,
  mod integer not null, usn integer not null, type integer not null, queue integer not null, due integer not null,
  ivl integer not null, factor integer not null, reps integer not null, lapses integer not null, left integer not null,
  odue integer not null, odid integer not null, flags integer not null, data text not null);
CREATE TABLE revlog (id integer primary key, cid integer not null, usn integer not null, ease integer not null,
  ivl integer not null, lastIvl integer not null, factor integer not null, time integer not null, type integer not null);
CREATE TABLE graves (usn integer not null, oid integer not null, type integer not null);
CREATE INDEX ix_notes_usn on notes (usn);
CREATE INDEX ix_cards_usn on cards (usn);
CREATE INDEX ix_revlog_usn on revlog (usn);
CREATE INDEX ix_cards_nid on cards (nid);
CREATE INDEX ix_cards_sched on cards (did, queue, due);
CREATE INDEX ix_revlog_cid on revlog (cid);
CREATE INDEX ix_notes_csum on notes (csum);
`;
