import Database from 'better-sqlite3';
import { seededRandom } from '../core/random.ts';
import { type ClockAndRandom, createCollection } from './collection.ts';

/** Only for tests, which alone may load better-sqlite3 from this folder. */

export type Json = Record<string, unknown>;

/** The creation time of test collections: 1 hour, 6 minutes and 7.089 seconds into an Anki day. */
export const CREATED_AT = Date.parse('2026-03-04T05:06:07.089Z');

/** A stopped clock, and the same random numbers for the same seed. */
export function sourcesAt(now: number, seed = 1): ClockAndRandom {
  return { clock: { now: () => now, monotonic: () => 0, sleep: async () => undefined }, random: seededRandom(seed) };
}

export function newCollection(now = CREATED_AT): Database.Database {
  const database = new Database(':memory:');
  createCollection(database, sourcesAt(now));
  return database;
}

export function column(database: Database.Database, name: string): Record<string, Json> {
  return JSON.parse(database.prepare(`SELECT ${name} FROM col`).pluck().get() as string);
}

export function patch(database: Database.Database, name: string, json: object): void {
  database.prepare(`UPDATE col SET ${name} = json_patch(${name}, ?)`).run(JSON.stringify(json));
}

/** Makes note type 7 the current one: fields by name, templates by question. */
export function useNoteType(database: Database.Database, flds: string[], qfmts: string[], more: Json = {}): void {
  const parts = { flds: flds.map((name) => ({ name })), tmpls: qfmts.map((qfmt) => ({ qfmt })) };
  patch(database, 'models', { 7: { name: 'Other', type: 0, sortf: 0, ...parts, ...more } });
  patch(database, 'conf', { curModel: 7 });
}
