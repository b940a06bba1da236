import type { WorkDirectory } from '../cache/work-directory.ts';
import type { Config } from '../config/config.ts';
import type { Context } from '../core/context.ts';
import { NO_FUNCTION_USE } from '../core/function-use.ts';
import { addRequests, NO_REQUESTS } from '../core/request-counts.ts';
import { addTableRequests, NO_TABLE_REQUESTS } from '../core/table-requests.ts';
import type { FunctionClient } from '../function/client.ts';
import { RefusingDatabaseStore } from '../store/refusing-store.ts';
import { assembleDeployment } from './assemble.ts';
import type { OpenBackend } from './backend.ts';
import type { Deployment } from './deployment.ts';
import { once } from './tables.ts';
import { UnsafeStores } from './unsafe-stores.ts';

/** Puts the configured deployment together. Makes no request; the local deployment's directory is made if missing. */
export async function openDeployment(config: Config, context: Context): Promise<Deployment> {
  const data = await assembleDeployment(config, context, guarded(await backendOf(config)));
  let client: FunctionClient | undefined;
  let containers: WorkDirectory | undefined;
  return {
    ...data,
    function: once(async () => {
      const { openFunction } = await import('./function.ts');
      client = await openFunction(config, context, () => {
        // Swept by the next process if this one is killed.
        containers = data.cache.workDirectory();
        return containers.path;
      });
      return client;
    }),
    requests: () => addRequests(data.requests(), client?.requests().store ?? NO_REQUESTS),
    tableRequests: () => addTableRequests(data.tableRequests(), client?.requests().tables ?? NO_TABLE_REQUESTS),
    functionUse: () => client?.use() ?? NO_FUNCTION_USE,
    close: () => {
      client?.close();
      containers?.release();
      data.close();
    },
  };
}

async function backendOf({ deployment }: Config): Promise<OpenBackend> {
  if (deployment.value === 'local') return (await import('./local-backend.ts')).openLocalBackend;
  const { awsBackend } = await import('./aws-backend.ts');
  const { betterSqlite } = await import('../sqlite/better-sqlite.ts');
  return awsBackend(betterSqlite);
}

/** The same backend, whose store refuses every write where `doctor` found that it loses updates. */
function guarded(openBackend: OpenBackend): OpenBackend {
  return async (config, context, counters) => {
    const backend = await openBackend(config, context, counters);
    if (config.allowUnsafeStore.value) return backend;
    const verdict = new UnsafeStores(config.home.value).find(backend.identity);
    if (verdict === undefined) return backend;
    const store = new RefusingDatabaseStore(backend.store, verdict);
    return { ...backend, store, tryDeletion: undefined, removeTombstone: undefined };
  };
}
