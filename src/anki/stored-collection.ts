import * as z from 'zod';
import { JavumboError } from '../core/failure.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';
import { requireAnkiTables } from './foreign-schema.ts';
import { ankiSchemaVersion, isNewerSchema, SCHEMA_VERSION } from './schema.ts';

/*
 * What adding a note needs of the `col` row. Collections were written by many programs for many years, so only what is
 * needed is looked at, and what Anki forgives is forgiven: ids as strings, `dyn` as a boolean, missing settings.
 * Nothing is written back from here. Values that are changed are changed inside the stored JSON by SQLite, so that add-on
 * keys and numbers beyond 2^53 (Anki's own field ids) survive.
 */

/** Anki's first deck, which cannot be deleted. */
export const DEFAULT_DECK_ID = 1;

const id = z.union([
  z.int(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);

/** Anki reads a position as 32 bits, and starts again at 0 where it cannot. */
const position = z
  .int()
  .min(0)
  .max(2 ** 31 - 1)
  .catch(0);

const noteType = z.object({
  name: z.string(),
  type: z.number().catch(0),
  sortf: z.number().catch(0),
  flds: z.array(z.object({ name: z.string() })).min(1),
  tmpls: z.array(z.object({ name: z.string().catch(''), qfmt: z.string(), did: id.nullish().catch(null) })),
});

const deck = z.object({
  name: z.string(),
  dyn: z.union([z.number(), z.boolean()]).catch(0).transform(Boolean),
  conf: id.catch(1),
});

const deckOptions = z.object({ new: z.object({ order: z.number().catch(1) }).catch({ order: 1 }) });

const conf = z.looseObject({
  curModel: id.nullish().catch(null),
  curDeck: id.catch(1),
  nextPos: position,
  addToCur: z.union([z.boolean(), z.number()]).catch(true).transform(Boolean),
  normalize_note_text: z.boolean().catch(true),
});

export type NoteType = z.infer<typeof noteType>;
export type Deck = z.infer<typeof deck>;

export interface StoredCollection {
  /** Days are counted from here. */
  readonly createdSeconds: number;
  /** Milliseconds. */
  readonly modified: number;
  readonly conf: z.infer<typeof conf>;
  readonly noteTypes: ReadonlyMap<number, NoteType>;
  readonly decks: ReadonlyMap<number, Deck>;
  readonly deckOptions: ReadonlyMap<number, z.infer<typeof deckOptions>>;
  readonly tags: readonly string[];
}

/** True for an id or a time as Anki writes them: a whole number that stays exact as a JSON number. */
export function isId(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** The highest id that is taken as a key of the stored JSON: one of 15 digits. */
export const KEY_MAX = 999_999_999_999_999;

/** Returns a setting that holds an id and that Anki stores per deck or note type. */
export function idSetting(collection: StoredCollection, key: string): number | undefined {
  return id.safeParse(collection.conf[key]).data;
}

function parseColumn<T>(column: string, text: unknown, schema: z.ZodType<T>): T {
  if (typeof text !== 'string') throw new JavumboError('corrupt', `column "${column}" of the collection is not text`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new JavumboError('corrupt', `column "${column}" of the collection is not JSON`, { cause });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new JavumboError(
    'corrupt',
    `column "${column}" of the collection is not Anki's: ${issue?.path.join('.') || 'value'}: ${issue?.message}`,
    { cause: result.error },
  );
}

function byId<T>(column: string, text: unknown, schema: z.ZodType<T>): Map<number, T> {
  const entries = Object.entries(parseColumn(column, text, z.record(z.string(), schema)));
  const strange = entries.find(([key]) => !/^-?\d{1,15}$/.test(key));
  if (strange !== undefined) {
    throw new JavumboError(
      'corrupt',
      `column "${column}" of the collection has the key "${strange[0]}", which is no id`,
    );
  }
  // Integer keys of JSON objects come in ascending order, so "the first" means the oldest.
  return new Map(entries.map(([key, value]) => [Number(key), value]));
}

/**
 * Reads the `col` row of an Anki collection.
 *
 * @throws JavumboError `violation` if the database is not a collection, `usage` if it has another schema, `corrupt` if its JSON is
 * broken or the deck Default is missing.
 */
export function readCollection(database: SqlDatabase): StoredCollection {
  requireAnkiTables(database);
  const version = ankiSchemaVersion(database);
  if (version === undefined) throw new JavumboError('corrupt', 'the table "col" of the collection holds no version');
  if (isNewerSchema(database)) {
    throw new JavumboError(
      'usage',
      `a newer Anki wrote the collection (schema ${version}), so it cannot be changed here`,
      {
        try: 'in Anki, choose File > Switch Profile > Downgrade & Quit',
      },
    );
  }
  if (version !== SCHEMA_VERSION) {
    throw new JavumboError('usage', `the collection has schema ${version}, which is too old`);
  }
  const row = rowOf(database);
  if (!isId(row.mod)) throw new JavumboError('corrupt', 'column "mod" of the collection is not a time in milliseconds');
  const decks = COLUMNS.decks(row.decks);
  if (!decks.has(DEFAULT_DECK_ID)) throw new JavumboError('corrupt', 'the collection has no deck Default');
  return {
    createdSeconds: Number(row.crt),
    modified: row.mod,
    conf: COLUMNS.conf(row.conf),
    noteTypes: COLUMNS.models(row.models),
    decks,
    deckOptions: COLUMNS.dconf(row.dconf),
    tags: COLUMNS.tags(row.tags),
  };
}

/** Returns what `readCollection` would refuse, of every column that holds JSON. */
export function columnProblems(database: SqlDatabase): string[] {
  const row = rowOf(database);
  return Object.entries(COLUMNS).flatMap(([column, parse]) => {
    try {
      parse(row?.[column]);
      return [];
    } catch (error) {
      if (!(error instanceof JavumboError)) throw error;
      return error.message;
    }
  });
}

function rowOf(database: SqlDatabase): Record<string, unknown> {
  const sql = 'SELECT crt, mod, conf, models, decks, dconf, tags FROM col ORDER BY id LIMIT 1';
  return (database.prepare(sql).get() ?? {}) as Record<string, unknown>;
}

const COLUMNS = {
  conf: (text: unknown) => parseColumn('conf', text, conf),
  models: (text: unknown) => byId('models', text, noteType),
  decks: (text: unknown) => byId('decks', text, deck),
  dconf: (text: unknown) => byId('dconf', text, deckOptions),
  tags: (text: unknown) => Object.keys(parseColumn('tags', text, z.record(z.string(), z.unknown()))),
};
