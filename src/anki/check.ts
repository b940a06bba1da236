import { JavumboError } from '../core/failure.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';
import { foreignObjects, missingTables } from './foreign-schema.ts';
import { latestTime, rulesOf } from './rules.ts';
import { ankiSchemaVersion, isNewerSchema } from './schema.ts';
import { columnProblems, readCollection } from './stored-collection.ts';

/**
 * Returns what is wrong with a sound database as an Anki collection of schema 11, each with what Anki would do about it;
 * empty if nothing is. Reads the collection as the writers do, so that what they refuse is found here.
 */
export function collectionFindings(database: SqlDatabase, milliseconds: number): string[] {
  const missing = missingTables(database);
  if (missing.includes('col')) return ['it is not an Anki collection: it has no table col with a version'];
  if (missing.length > 0) return missing.map((table) => `the table ${table} is missing; Anki would not open it`);
  const foreign = foreignObjects(database).map(({ type, name, table }) => {
    const place = type === 'trigger' ? ` on table ${table}` : '';
    return `the ${type} "${name}"${place} is not Anki's; Anki would run it, and this program does not`;
  });
  if (ankiSchemaVersion(database) === undefined)
    return [...foreign, 'the table col holds no version; Anki would not open it'];
  if (isNewerSchema(database)) return [...foreign, 'a newer Anki upgraded it; the rules of that are not known here'];
  const problems = columnProblems(database);
  if (problems.length > 0) {
    return [...foreign, ...problems.map((problem) => `${problem}; Anki would not open the collection`)];
  }
  try {
    const collection = readCollection(database);
    const found = rulesOf({ collection, milliseconds: latestTime(collection, milliseconds) }).flatMap(
      ({ count, finding, anki }) => {
        const rows = count(database);
        return rows > 0 ? `${finding(rows)}; Anki would ${anki}` : [];
      },
    );
    return [...foreign, ...found];
  } catch (error) {
    if (!(error instanceof JavumboError)) throw error;
    return [...foreign, error.message];
  }
}
