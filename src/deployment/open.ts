import type { WorkDirectory } from '../cache/work-directory.ts';
import type { Config } from '../config/config.ts';
import type { Context } from '../core/context.ts';
import { once } from '../core/once.ts';
import { addUsage, NO_USAGE, UsageMeter } from '../core/usage.ts';
import type { FunctionClient } from '../function/client.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import { stoppableUserTable, type UserTable } from '../users/user-table.ts';
import type { Deployment, OpenBackend } from './deployment.ts';

/**
 * Opens the configured deployment. Makes no request, but makes the directory of a local one. Refuses writes to a store that
 * `doctor` saw losing updates, unless the configuration allows them.
 */
export async function openDeployment(config: Config, context: Context): Promise<Deployment> {
  const [{ assembleDeployment }, { UnsafeStores }] = await Promise.all([
    import('./deployment.ts'),
    import('../probes/unsafe-stores.ts'),
  ]);
  const unsafeStores = new UnsafeStores(config.home.value);
  const data = await assembleDeployment(config, context, await backendOf(config), (identity) =>
    config.allowUnsafeStore.value ? undefined : unsafeStores.find(identity),
  );
  let client: FunctionClient | undefined;
  let containers: WorkDirectory | undefined;
  return {
    ...data,
    function: once(async () => {
      const { openFunction } = await import('../function/open-function.ts');
      client = await openFunction(config, context, () => {
        // The next process removes it if this one is killed.
        containers = data.cache.workDirectory();
        return containers.path;
      });
      return client;
    }),
    usage: () => addUsage(data.usage(), client?.usage() ?? NO_USAGE),
    close: () => {
      client?.close();
      containers?.release();
      data.close();
    },
  };
}

async function backendOf({ deployment, sqliteEngine: only }: Config): Promise<OpenBackend> {
  if (deployment.value === 'local') return (await import('./local.ts')).openLocalBackend;
  const { awsBackend } = await import('./aws.ts');
  return awsBackend(() => sqliteEngine(only.value));
}

/** The accounts of a deployment alone: neither its store nor its cache is loaded. */
export interface Accounts {
  users(): Promise<UserTable>;
  close(): void;
}

/** Returns the accounts of the configured deployment; the first call of `users` opens them. Makes no request. */
export async function openAccounts(config: Config, context: Context): Promise<Accounts> {
  const meter = new UsageMeter();
  const tables =
    config.deployment.value === 'local'
      ? (await import('./local.ts')).localTables(config, context.clock, meter)
      : (await import('./aws.ts')).awsTables(config, context, meter);
  return { ...tables, users: async () => stoppableUserTable(await tables.users(), context) };
}
