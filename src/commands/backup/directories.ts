import type { LoadSqlite } from '../../sqlite/engine.ts';
import type { Invocation } from '../execute.ts';

/** What reading a backup needs of this machine: no deployment, and so neither a bucket nor credentials. */
export async function ownDirectories({ config, context }: Invocation) {
  const [{ backupWork }, { sqliteEngine }] = await Promise.all([
    import('../../backup/scratch.ts'),
    import('../../sqlite/choose-engine.ts'),
  ]);
  const sqlite: LoadSqlite = () => sqliteEngine(config.sqliteEngine.value);
  return { sqlite, workDirectory: () => backupWork(config.cacheDir.value, context) };
}
