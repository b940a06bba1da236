import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { once } from '../core/once.ts';
import type { UsageMeter } from '../core/usage.ts';
import { counting } from '../core/usage.ts';
import { countingLockTable } from '../locks/lock-table.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import { aroundUserTable } from '../users/user-table.ts';
import type { OpenBackend, Tables } from './deployment.ts';

/** Opens the local deployment: files and SQLite tables in one directory, which is made if missing. */
export const openLocalBackend: OpenBackend = async (config, context, meter) => {
  const { clock, random, signal, atStep, onTransfer } = context;
  const [{ LocalDatabaseStore }, sqlite] = await Promise.all([
    import('../store/local-store.ts'),
    sqliteEngine(config.sqliteEngine.value),
  ]);
  const historyBytesMax = config.historyMax.value;
  const store = new LocalDatabaseStore(config.home.value, {
    clock,
    random,
    sqlite,
    signal,
    atStep,
    historyBytesMax,
    onTransfer,
  });
  const tables = localTables(config, clock, meter);
  return {
    store,
    identity: `local ${store.id}`,
    engine: () => 'local files',
    sqlite: async () => sqlite,
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

/** Opens the tables of the local deployment. Without a network nothing is in doubt, so nothing is retried. */
export function localTables({ home, sqliteEngine: only }: Config, clock: Clock, meter: UsageMeter): Tables {
  const opened: { close(): void }[] = [];
  return {
    users: once(async () => {
      const { LocalUserTable } = await import('../users/local-user-table.ts');
      const users = new LocalUserTable(home.value, { sqlite: await sqliteEngine(only.value) });
      opened.push(users);
      return aroundUserTable(users, counting(meter));
    }),
    locks: once(async () => {
      const { LocalLockTable } = await import('../locks/local-lock-table.ts');
      const locks = new LocalLockTable(home.value, { clock, sqlite: await sqliteEngine(only.value) });
      opened.push(locks);
      return countingLockTable(locks, meter);
    }),
    close: () => {
      for (const table of opened) table.close();
    },
  };
}
