import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { LocalDatabaseStore } from '../store/local-store.ts';
import type { OpenBackend } from './backend.ts';
import { localTables } from './local-tables.ts';

/** The local deployment: files and SQLite tables in one directory, which is made if missing. */
export const openLocalBackend: OpenBackend = async (config, context, counters) => {
  const { clock, random, atStep } = context;
  const store = new LocalDatabaseStore(config.home.value, { clock, random, atStep });
  const tables = localTables(config, clock, counters.tables);
  return {
    store,
    identity: `local ${store.id}`,
    engine: () => 'local files',
    sqlite: betterSqlite,
    tables,
    objects: async () => {
      const { LocalObjectVersions } = await import('../history/local-object-versions.ts');
      return new LocalObjectVersions(store);
    },
    close: () => {
      store.close();
      tables.close();
    },
  };
};
