import { foreignDatabaseWarnings } from '../../anki/foreign-schema.ts';
import { refuseNewerSchema } from '../../anki/refuse-newer-schema.ts';
import { JavumboError } from '../../core/failure.ts';
import type { ReplaceOver, UpdateResult, UserDatabases } from '../../databases/user-databases.ts';
import { sqliteEngine } from '../../sqlite/choose-engine.ts';
import type { SqliteDatabase } from '../../sqlite/engine.ts';
import type { Invocation } from '../execute.ts';
import type { WriteReport } from './outcome.ts';

/**
 * Stores a file as a user's database over what `over` allows, and warns of what is doubtful about it. Calls `confirmed`,
 * which may throw, before anything is sent.
 */
export async function storeFile(
  invocation: Invocation,
  databases: UserDatabases,
  username: string,
  file: string,
  over: ReplaceOver,
  confirmed: () => Promise<void> = async () => {},
): Promise<Omit<UpdateResult<void>, 'value'> & Pick<WriteReport, 'warnings'>> {
  let warnings: readonly string[] = [];
  const stored = await databases.replace(username, over, async (path) => {
    warnings = await copyDatabase(invocation, username, file, path);
    await confirmed();
  });
  return { ...stored, ...(warnings.length === 0 ? {} : { warnings }) };
}

/** Copies a file, or the collection in a .colpkg, with the checks and warnings of `storeFile`. Returns the warnings. */
export async function copyDatabase(
  invocation: Invocation,
  username: string,
  file: string,
  destination: string,
): Promise<readonly string[]> {
  const [{ copySource }, sqlite] = await Promise.all([
    import('../../sqlite/import-copy.ts'),
    sqliteEngine(invocation.config.sqliteEngine.value),
  ]);
  const inspect = (database: SqliteDatabase): string[] => {
    refuseNewerSchema(database, username);
    return foreignDatabaseWarnings(database, file);
  };
  const copy = async (source: string): Promise<readonly string[]> => {
    const { runBlocking, signal } = invocation.context;
    const { warnings } = await copySource(sqlite, source, destination, inspect, { name: file, runBlocking, signal });
    for (const warning of warnings) invocation.note(`warning: ${warning}`);
    return warnings;
  };
  const { isPackage, lossOf, withPackage } = await import('./package-file.ts');
  if (!isPackage(file)) return copy(file);
  if (/\.apkg$/i.test(file)) {
    throw new JavumboError('usage', `${file} holds decks for a collection, and is none itself`, {
      try: `javumbo db create ${username}, then javumbo db import ${username} <file>`,
      username,
    });
  }
  return withPackage(invocation, file, async ({ path, losses, media }) => {
    const outside = media.size === 0 ? [] : [`the deployment keeps no media: ${file} holds ${media.size}`];
    for (const warning of outside) invocation.note(`warning: ${warning}`);
    return [...losses.map(lossOf), ...outside, ...(await copy(path))];
  });
}
