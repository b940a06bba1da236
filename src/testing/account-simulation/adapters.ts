import type { ChangeOutcome, PutUserOutcome, UserItem, UserTable } from '../../users/user-table.ts';

/**
 * How much a refusal returns of what it met. `everything`, like SQLite; `item`: an existing item, like DynamoDB, so
 * that an absence needs another read; `nothing`, like engines that imitate DynamoDB.
 */
export type RefusalSays = 'everything' | 'item' | 'nothing';

export function engineThatSays(says: RefusalSays, table: UserTable): UserTable {
  return over(table, {
    putIfAbsent: async (item) => {
      const outcome = await table.putIfAbsent(item);
      if (outcome.kind !== 'exists') return outcome;
      return { kind: 'exists', current: says === 'nothing' ? undefined : await table.get(item.username) };
    },
    change: async (outcome) => {
      if (says !== 'nothing' || outcome.kind !== 'conflict') return outcome;
      return { kind: 'conflict' };
    },
  });
}

/** A client's adapter, which like dynamo-user-table.ts reads what a refusal leaves open. */
export function adapterWhere(says: RefusalSays, network: UserTable): UserTable {
  if (says === 'everything') return network;
  return over(network, {
    putIfAbsent: (item) => network.putIfAbsent(item),
    change: async (outcome, { username }) => {
      if (outcome.kind !== 'absent' && outcome.kind !== 'conflict') return outcome;
      if ('current' in outcome && outcome.current !== undefined) return outcome;
      try {
        const current = await network.get(username);
        return current === undefined ? { kind: 'absent' } : { kind: 'conflict', current };
      } catch {
        // It was refused. Throwing would claim that it was rejected without effect.
        return { kind: 'conflict' };
      }
    },
  });
}

interface Differences {
  readonly putIfAbsent: (item: UserItem) => Promise<PutUserOutcome>;
  readonly change: <Done extends string>(outcome: ChangeOutcome<Done>, base: UserItem) => Promise<ChangeOutcome<Done>>;
}

function over(table: UserTable, { putIfAbsent, change }: Differences): UserTable {
  return {
    get: (username) => table.get(username),
    page: (options) => table.page(options),
    putIfAbsent,
    replace: async (base, changes) => change(await table.replace(base, changes), base),
    delete: async (base) => change(await table.delete(base), base),
  };
}
