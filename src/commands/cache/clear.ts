import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import type { Execute, Invocation } from '../execute.ts';

export interface ClearedCache {
  readonly deletedCount: number;
  readonly deletedBytes: number;
}

export function registerCacheClear(parent: Command, execute: Execute): void {
  const command = parent
    .command('clear')
    .description('empty the cache of this deployment, except for copies that a running command uses')
    .addHelpText('after', '\nExample:\n  $ javumbo cache clear');
  command.action(() => execute(command, cacheClear, clearView));
}

export async function cacheClear(invocation: Invocation): Promise<ClearedCache> {
  return (await invocation.deployment()).cache.clear();
}

export const clearView: View<ClearedCache> = {
  fields: ({ deletedCount, deletedBytes }) => ({ deleted: deletedCount, size: { bytes: deletedBytes } }),
};
