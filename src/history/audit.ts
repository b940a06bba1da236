import { codeOf } from '../core/failure.ts';
import type { SqliteDatabase, SqlValue } from '../sqlite/engine.ts';
import { diffRows, digestOf, findRow, quoted, type Row, type TableOf, tablesOf } from './diff.ts';

/** A version of a database, as an audit goes through them. */
export interface AuditedVersion {
  readonly id: string;
  readonly at: number;
  /** True if this program wrote it: it leaves its write ids. */
  readonly isOurs: boolean;
  /** True if its write ids reach back to a create, so that nothing was there before the first of ours. */
  readonly isWhole?: boolean;
}

/** One row that an update of ours changed or added, and that another program's version does not have like that. */
export interface LostRow {
  /** The update of ours that wrote it last. */
  readonly by: AuditedVersion;
  /** The version of another program that came after it. */
  readonly over: AuditedVersion;
  readonly table: string;
  readonly key: SqlValue;
  /**
   * `overwritten`: it is there as it was before our update, so the other program had read an earlier version.
   * `ambiguous`: the other program has changed or deleted it as well, or has a row that we had deleted.
   */
  readonly kind: 'overwritten' | 'ambiguous';
  /** As our update left it; undefined for a deletion. */
  readonly row: Row | undefined;
  /** The digest of what the other program left; undefined: no row. */
  readonly left: string | undefined;
}

export interface OpenVersion {
  readonly database: SqliteDatabase;
  close(): void;
}

/** A row's states in a run of our versions: before it, and after each that changed it. */
interface RowStates {
  readonly table: string;
  readonly key: SqlValue;
  /** By digest; undefined: no row. `since`: the place of the version that made it so; -1: before all of them. */
  readonly states: { readonly digest: string | undefined; readonly since: number }[];
  row: Row | undefined;
  by: AuditedVersion;
}

/** What follows a version of ours, and what the other program's version is compared with. */
export interface OverwriteCase {
  /** What was there before ours; undefined if they begin with a create. What is no longer kept counts as read by all. */
  readonly base: AuditedVersion | undefined;
  /** Ours, in the order of time. */
  readonly ours: readonly AuditedVersion[];
  readonly over: AuditedVersion;
}

/** Returns each version of another program that follows one of ours. `versions`: oldest first; undefined: a deletion. */
export function overwriteCases(versions: readonly (AuditedVersion | undefined)[]): OverwriteCase[] {
  const cases: OverwriteCase[] = [];
  let base: AuditedVersion | undefined;
  let ours: AuditedVersion[] = [];
  for (const version of versions) {
    if (version?.isOurs === true) {
      // What was there before the oldest version that is kept, nobody knows: it can only be compared with.
      const isUnknown = base === undefined && ours.length === 0 && version.isWhole !== true;
      if (isUnknown) base = version;
      else ours.push(version);
      continue;
    }
    if (version !== undefined && ours.length > 0) cases.push({ base, ours, over: version });
    base = version;
    ours = [];
  }
  return cases;
}

// Every update moves them, and so does whatever another program does.
const OF_EVERY_UPDATE: Readonly<Record<string, readonly string[]>> = { col: ['mod', 'usn', 'ls'] };

/**
 * Finds the rows that another program's version has lost of ours. Only rows with an INTEGER PRIMARY KEY have an identity by
 * which they can be told. No more than two versions are open at a time.
 */
export async function lostRows(
  { base, ours, over }: OverwriteCase,
  open: (version: AuditedVersion) => Promise<OpenVersion>,
): Promise<LostRow[]> {
  const states = new Map<string, RowStates>();
  let before = base && (await open(base));
  try {
    for (const [place, version] of ours.entries()) {
      const after = await open(version);
      try {
        record(states, before?.database, after.database, { version, place });
      } finally {
        before?.close();
        before = after;
      }
    }
    const theirs = await open(over);
    try {
      return judge(states, before?.database, theirs.database, over);
    } finally {
      theirs.close();
    }
  } finally {
    before?.close();
  }
}

function record(
  states: Map<string, RowStates>,
  before: SqliteDatabase | undefined,
  after: SqliteDatabase,
  { version: by, place }: { readonly version: AuditedVersion; readonly place: number },
): void {
  const tables = keyedTables(after);
  for (const { table, before: old, after: current } of diffRows(before, after)) {
    const name = tables.get(table)?.key;
    if (name === undefined) continue;
    const key = (current ?? old)?.[name] ?? null;
    const digest = comparable(table, current);
    const id = `${table} ${String(key)}`;
    const state = { digest, since: place };
    const known = states.get(id);
    if (known !== undefined) {
      if (known.states.at(-1)?.digest === digest) continue;
      known.states.push(state);
      known.row = current;
      known.by = by;
    } else {
      const first = { digest: comparable(table, old), since: -1 };
      if (first.digest !== digest) states.set(id, { table, key, states: [first, state], row: current, by });
    }
  }
}

function judge(
  states: ReadonlyMap<string, RowStates>,
  last: SqliteDatabase | undefined,
  theirs: SqliteDatabase,
  over: AuditedVersion,
): LostRow[] {
  const tables = keyedTables(theirs);
  const buried = new Set(gravesIn(theirs));
  for (const grave of last === undefined ? [] : gravesIn(last)) buried.delete(grave);
  const theirStates = [...states.values()].map((row) => {
    const own = tables.get(row.table);
    const now = comparable(row.table, own && findRow(theirs, own, row.key));
    return { ...row, now, seen: row.states.find(({ digest }) => digest === now) };
  });
  // They read one whole version of ours: at least the one that made the latest of the states that they have.
  const read = Math.max(-1, ...theirStates.map(({ now, seen }) => (now === undefined ? -1 : (seen?.since ?? -1))));
  const found: LostRow[] = [];
  for (const { table, key, states: ours, row, by, now, seen } of theirStates) {
    const last = ours.at(-1);
    // What they have otherwise they changed, knowing ours.
    if (last === undefined || now === last.digest || last.since <= read) continue;
    // Deleted on purpose.
    if (now === undefined && buried.has(`${GRAVE_TYPES[table] ?? ''} ${String(key)}`)) continue;
    const kind = seen !== undefined && row !== undefined ? 'overwritten' : 'ambiguous';
    found.push({ by, over, table, key, kind, row, left: now });
  }
  return found;
}

function comparable(table: string, row: Row | undefined): string | undefined {
  if (row === undefined) return undefined;
  const left = OF_EVERY_UPDATE[table];
  if (left === undefined) return digestOf(row);
  return digestOf(Object.fromEntries(Object.entries(row).filter(([column]) => !left.includes(column))));
}

/** Anki's numbers for what it buries. */
const GRAVE_TYPES: Readonly<Record<string, number>> = { cards: 0, notes: 1 };

function gravesIn(database: SqliteDatabase): string[] {
  const graves = tablesOf(database).get('graves');
  if (graves === undefined || !['oid', 'type'].every((column) => graves.columns.includes(column))) return [];
  const rows = database.prepare('SELECT type, oid FROM graves').all() as { type: unknown; oid: unknown }[];
  return rows.map(({ type, oid }) => `${String(type)} ${String(oid)}`);
}

function keyedTables(database: SqliteDatabase): Map<string, TableOf> {
  return new Map([...tablesOf(database)].filter(([, { key }]) => key !== undefined));
}

/**
 * Puts rows back as our updates left them, where the database still has what the other program left there. Returns how many.
 * Runs in the open transaction.
 */
export function putBack(database: SqliteDatabase, rows: readonly LostRow[]): number {
  const tables = keyedTables(database);
  let count = 0;
  for (const { table: name, key, row, left } of rows) {
    const table = tables.get(name);
    if (table === undefined || row === undefined) continue;
    if (comparable(name, findRow(database, table, key)) !== left) continue;
    const columns = Object.keys(row).filter((column) => table.columns.includes(column));
    const values = columns.map((column) => row[column] ?? null);
    try {
      database.prepare(upsert(table, columns)).run(...values);
      count += 1;
    } catch (error) {
      // Another row is in its place now, or one that it needs is gone: that is for people to decide.
      if (codeOf(error)?.startsWith('SQLITE_CONSTRAINT') !== true) throw error;
    }
  }
  return count;
}

/**
 * Leaves out the rows that have come back in the current version, and makes ambiguous what was changed there since. Of
 * a row that was lost several times the last loss counts.
 */
export function stillLost(lost: readonly LostRow[], current: SqliteDatabase): LostRow[] {
  const tables = keyedTables(current);
  const last = new Map(lost.map((one) => [`${one.table} ${String(one.key)}`, one]));
  return [...last.values()].flatMap((one): LostRow | [] => {
    const table = tables.get(one.table);
    const now = table && comparable(one.table, findRow(current, table, one.key));
    if (now === comparable(one.table, one.row)) return [];
    return now === one.left ? one : { ...one, kind: 'ambiguous' };
  });
}

/** Inserts a row or changes it in place; never replaces one, which would delete what refers to it. */
function upsert({ name, key = '' }: TableOf, columns: readonly string[]): string {
  const places = columns.map(() => '?').join(', ');
  const others = columns.filter((column) => column !== key);
  const changes = others.map((column) => `${quoted(column)} = excluded.${quoted(column)}`).join(', ');
  const then = changes === '' ? 'NOTHING' : `UPDATE SET ${changes}`;
  return `INSERT INTO ${quoted(name)} (${columns.map(quoted).join(', ')}) VALUES (${places}) ON CONFLICT (${quoted(key)}) DO ${then}`;
}
