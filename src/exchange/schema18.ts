import { plainCollations } from '../anki/plain-collations.ts';
import { SCHEMA_VERSION } from '../anki/schema.ts';
import { JavumboError } from '../core/failure.ts';
import { formatCount } from '../core/format.ts';
import { immediately, openWorkingCopy, type SqliteDatabase, type SqliteEngine } from '../sqlite/engine.ts';
import { type MessageShape, readMessage } from './protobuf.ts';
import * as shapes from './schema18-shapes.ts';

/*
 * A collection of schema 18, the one of today's Anki, as one of schema 11: what is in tables of their own there is JSON
 * in the row of `col` here. Anki does the same when it exports for older versions.
 */

const [OLDEST, NEWEST] = [15, 18];
const TABLES = ['notetypes', 'fields', 'templates', 'decks', 'deck_config', 'config', 'tags', 'graves'];
const REQUIREMENT_KINDS = ['none', 'any', 'all'];

type Json = Record<string, unknown>;

interface ConfiguredRow {
  readonly id: number;
  readonly ntid: number;
  readonly ord: number;
  readonly name: string;
  readonly mod: number;
  readonly usn: number;
  readonly config: Uint8Array;
  readonly common: Uint8Array;
  readonly kind: Uint8Array;
}

/**
 * Turns a private copy of a collection of schema 15 to 18 into one of schema 11. Returns what schema 11 cannot hold, in
 * words; empty if nothing is lost. Throws `usage` for a schema that is newer still, and `corrupt` for what is not
 * Anki's.
 */
export function downgrade(sqlite: SqliteEngine, path: string): string[] {
  plainCollations(sqlite, path);
  const database = openWorkingCopy(sqlite, path);
  try {
    const { ver } = database.prepare('SELECT ver FROM col ORDER BY id LIMIT 1').get() as { ver: number };
    if (ver < OLDEST || ver > NEWEST) {
      throw new JavumboError(
        'usage',
        `the collection has schema ${ver}, and 11 and ${OLDEST} to ${NEWEST} are known here`,
        {
          try: 'in Anki: File, Export, "Support older Anki versions"',
        },
      );
    }
    const work = new Downgrade(database);
    immediately(database, () => work.run());
    // What was dropped would stay in the file.
    database.exec('VACUUM');
    return work.losses;
  } finally {
    database.close();
  }
}

class Downgrade {
  readonly #database: SqliteDatabase;
  readonly #unknown = new Map<string, Set<number>>();
  readonly losses: string[] = [];

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  run(): void {
    const columns = {
      models: byId(this.#noteTypes()),
      decks: byId(
        this.#rows('SELECT id, name, mtime_secs AS mod, usn, common, kind FROM decks').map((row) => this.#deck(row)),
      ),
      dconf: byId(
        this.#rows('SELECT id, name, mtime_secs AS mod, usn, config FROM deck_config').map((row) => this.#options(row)),
      ),
      conf: this.#settings(),
      tags: this.#tags(),
    };
    for (const [what, fields] of this.#unknown) {
      this.losses.push(`settings of ${what} that this program does not know (field ${[...fields].sort().join(', ')})`);
    }
    const set = Object.keys(columns).map((column) => `${column} = ?`);
    this.#database.prepare(`UPDATE col SET ver = ${SCHEMA_VERSION}, ${set.join()}`).run(...Object.values(columns));
    this.#database.exec(`CREATE TABLE old_graves AS SELECT usn, oid, type FROM graves;
      ${TABLES.map((table) => `DROP TABLE ${table};`).join('')}
      CREATE TABLE graves (usn integer NOT NULL, oid integer NOT NULL, type integer NOT NULL);
      INSERT INTO graves SELECT usn, oid, type FROM old_graves; DROP TABLE old_graves`);
  }

  #rows(sql: string): ConfiguredRow[] {
    return this.#database.prepare(sql).all() as ConfiguredRow[];
  }

  #read(bytes: Uint8Array, shape: MessageShape, what: string): Json {
    if (!(bytes instanceof Uint8Array)) throw new JavumboError('corrupt', `the settings of ${what} are no message`);
    const { values, unknown } = readMessage(bytes, shape);
    const known = this.#unknown.get(what) ?? new Set();
    for (const field of unknown) known.add(field);
    if (known.size > 0) this.#unknown.set(what, known);
    return values;
  }

  #noteTypes(): Json[] {
    const fields = this.#rows('SELECT ntid, ord, name, config FROM fields ORDER BY ntid, ord');
    const templates = this.#rows('SELECT ntid, ord, name, config FROM templates ORDER BY ntid, ord');
    return this.#rows('SELECT id, name, mtime_secs AS mod, usn, config FROM notetypes').map((row) => {
      const { req, other, originalStockKind, originalId, ...config } = this.#read(
        row.config,
        shapes.NOTE_TYPE,
        'note types',
      );
      const parts = (rows: ConfiguredRow[], shape: MessageShape, what: string): Json[] =>
        rows
          .filter(({ ntid }) => ntid === row.id)
          .map(({ name, ord, config: bytes }) => {
            const { other: more, ...values } = this.#read(bytes, shape, what);
            return { ...parsed(more), name, ord, ...values };
          });
      return {
        ...parsed(other),
        ...named(row),
        ...config,
        did: config.did || null,
        req: (req as Buffer[]).map((bytes) => {
          const { ord, kind, fields: ords } = this.#read(bytes, shapes.REQUIREMENT, 'note types');
          return [ord, REQUIREMENT_KINDS[kind as number] ?? 'none', ords];
        }),
        flds: parts(fields, shapes.FIELD, 'fields'),
        tmpls: parts(templates, shapes.TEMPLATE, 'templates').map((each) => ({ ...each, did: each.did || null })),
        ...(originalStockKind === 0 ? {} : { originalStockKind }),
        ...(originalId === null ? {} : { originalId }),
      };
    });
  }

  #deck(row: ConfiguredRow): Json {
    const { other, day, newToday, revToday, lrnToday, timeToday, ...common } = this.#read(
      row.common,
      shapes.DECK,
      'decks',
    );
    const { normal, filtered } = this.#read(row.kind, shapes.DECK_KIND, 'decks') as Record<string, Buffer[]>;
    const today = Object.entries({ newToday, revToday, lrnToday, timeToday }).map(([key, amount]) => [
      key,
      [day, amount],
    ]);
    return {
      ...parsed(other),
      ...named(row),
      name: row.name.replaceAll('\x1f', '::'),
      ...common,
      ...Object.fromEntries(today),
      ...(filtered?.[0] === undefined ? this.#normal(normal?.[0] ?? Buffer.alloc(0)) : this.#filtered(filtered[0])),
    };
  }

  #normal(bytes: Buffer): Json {
    const { md, desiredRetention, reviewLimitToday, newLimitToday, ...deck } = this.#read(
      bytes,
      shapes.NORMAL_DECK,
      'decks',
    );
    const limit = (messages: unknown): Json | null => {
      const [first] = messages as Buffer[];
      return first === undefined ? null : this.#read(first, shapes.DAY_LIMIT, 'decks');
    };
    return {
      dyn: 0,
      ...deck,
      reviewLimitToday: limit(reviewLimitToday),
      newLimitToday: limit(newLimitToday),
      ...(md === true ? { md } : {}),
      ...(desiredRetention === null ? {} : { desiredRetention }),
    };
  }

  #filtered(bytes: Buffer): Json {
    const { terms, delays, ...deck } = this.#read(bytes, shapes.FILTERED_DECK, 'decks');
    return {
      dyn: 1,
      desc: '',
      separate: true,
      ...deck,
      terms: (terms as Buffer[]).map((term) => {
        const { search, limit, order } = this.#read(term, shapes.SEARCH_TERM, 'decks');
        return [search, limit, order];
      }),
      delays: (delays as number[]).length === 0 ? null : delays,
    };
  }

  #options(row: ConfiguredRow): Json {
    const { other, initialEase, good, easy, isRandom, isSilent, isAnswerOnly, ...values } = this.#read(
      row.config,
      shapes.DECK_OPTIONS,
      'deck options',
    );
    const { new: ofNew, rev, lapse, ...more } = parsed(other) as Record<string, Json | undefined>;
    const options: Record<string, Json> = { new: { ...ofNew }, rev: { ...rev }, lapse: { ...lapse } };
    const top: Json = {};
    for (const [path, value] of Object.entries(values)) {
      const [group = '', key] = path.split('.');
      if (key === undefined) top[group] = value;
      else (options[group] as Json)[key] = value;
    }
    Object.assign(options.new as Json, {
      initialFactor: Math.round((initialEase as number) * 1000),
      ints: [good, easy, 0],
      order: isRandom === 1 ? 0 : 1,
    });
    return { ...more, ...named(row), ...top, ...options, dyn: false, autoplay: !isSilent, replayq: !isAnswerOnly };
  }

  #settings(): string {
    const rows = this.#database.prepare('SELECT KEY AS key, CAST(val AS TEXT) AS val FROM config').all();
    const entries = (rows as { key: string; val: string }[]).map(({ key, val }) => {
      try {
        JSON.parse(val);
      } catch (cause) {
        throw new JavumboError('corrupt', `the setting "${key}" is not JSON`, { cause });
      }
      return `${JSON.stringify(key)}:${val}`;
    });
    return `{${entries.join()}}`;
  }

  #tags(): string {
    const rows = this.#database.prepare('SELECT * FROM tags').all() as {
      tag: string;
      usn: number;
      collapsed?: number;
    }[];
    const folded = rows.filter(({ collapsed }) => collapsed === 1).length;
    if (folded > 0)
      this.losses.push(`that ${formatCount(folded, 'tag')} ${folded === 1 ? 'is' : 'are'} folded in the sidebar`);
    return jsonText(Object.fromEntries(rows.map(({ tag, usn }) => [tag, usn])));
  }
}

function named({ id, name, mod, usn }: ConfiguredRow): Json {
  return { id, name, mod, usn };
}

function byId(objects: readonly Json[]): string {
  return jsonText(Object.fromEntries(objects.map((object) => [object.id, object])));
}

/** What add-ons keep. What is no JSON, Anki drops as well. */
function parsed(other: unknown): Json {
  try {
    const json: unknown = JSON.parse(other as string);
    return typeof json === 'object' ? { ...json } : {};
  } catch {
    return {};
  }
}

/** Returns JSON, with bigints as numbers. */
function jsonText(value: unknown): string {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, each]) => `${JSON.stringify(key)}:${jsonText(each)}`)
    .join()}}`;
}
