/** The checks are checked: a table that breaks a promise is found by the test that is about it. */
import { describe, expect, test, vi } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { newRunId } from '../core/test-data.ts';
import { NO_USAGE } from '../core/usage.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { MemoryUserTable } from '../users/memory-user-table.ts';
import type { UserItem, UserTable } from '../users/user-table.ts';
import { type Figures, runTest } from './check.ts';
import { day5 } from './day5.ts';

vi.mock('bcryptjs', () => import('../testing/quick-bcrypt.ts'));

/** A table in memory, with some of its calls replaced. */
function lying(lies: (honest: UserTable, items: Map<string, UserItem>) => Partial<UserTable>): UserTable {
  const items = new Map<string, UserItem>();
  const honest = new MemoryUserTable(items);
  return {
    get: (username) => honest.get(username),
    putIfAbsent: (item) => honest.putIfAbsent(item),
    replace: (base, changes) => honest.replace(base, changes),
    delete: (base) => honest.delete(base),
    page: (options) => honest.page(options),
    ...lies(honest, items),
  };
}

/** `only`: the number of one test, for each takes seconds of bcrypt. */
async function failedAssertions(table: UserTable, only = '5'): Promise<string[]> {
  const figures: Figures = {
    metrics: {},
    derived: {},
    grades: {},
    workers: [],
    workerUsage: NO_USAGE,
    warnings: [],
  };
  const run = { id: newRunId(systemRandom), keep: false, cleanUps: new CleanUps() };
  const inputs = { clock: systemClock, random: systemRandom, env: {}, run };
  const deployment = { users: async () => table, accounts: async () => table } as Partial<Deployment> as Deployment;
  const failed: string[] = [];
  for (const each of day5(deployment, inputs, figures).filter(({ id }) => id.startsWith(only))) {
    const { check } = await runTest(each, systemClock);
    failed.push(...check.assertions.filter(({ passed }) => !passed).map(({ name }) => `${check.id} ${name}`));
    if (check.status === 'failed' && check.assertions.every(({ passed }) => passed)) {
      failed.push(`${check.id} ${check.reason}`);
    }
  }
  return failed;
}

describe('verify day5', () => {
  test('finds nothing wrong with an honest table', async () => {
    expect(await failedAssertions(lying(() => ({})))).toEqual([]);
  });

  const lies: { name: string; table: UserTable; caught: string }[] = [
    {
      name: 'creates over what exists',
      table: lying((_, items) => ({
        putIfAbsent: async (item) => {
          items.set(item.username, item);
          return { kind: 'created' };
        },
      })),
      caught: '5.1 a second user of that name is refused',
    },
    {
      name: 'stores the password as it is',
      table: lying((honest) => ({
        putIfAbsent: (item) => honest.putIfAbsent({ ...item, passwordHash: 'correct horse battery staple' }),
      })),
      caught: '5.1 the password is a bcrypt hash of 60 characters, $2b$',
    },
    {
      name: 'drops the time of a change',
      table: lying((honest, items) => ({
        replace: async (base, changes) => {
          const outcome = await honest.replace(base, changes);
          const { updatedAt: _, ...item } = items.get(base.username) as UserItem;
          items.set(base.username, item);
          return outcome;
        },
      })),
      caught: '5.2 the password is changed, and the time of it kept',
    },
    {
      name: 'drops a new name',
      table: lying((honest) => ({ replace: (base, { name: _, ...changes }) => honest.replace(base, changes) })),
      caught: '5.2 the name alone is changed, and the password stays',
    },
    {
      name: 'drops a new password',
      table: lying((honest) => ({
        replace: (base, { passwordHash: _, ...changes }) => honest.replace(base, changes),
      })),
      caught: '5.2 the old password is not valid any more',
    },
    {
      name: 'acknowledges a delete and keeps the user',
      table: lying(() => ({ delete: async () => ({ kind: 'deleted' }) })),
      caught: '5.3 the deleted ones are gone',
    },
    {
      name: 'lists nobody',
      table: lying(() => ({ page: async () => ({ users: [], next: undefined }) })),
      caught: '5.3 all of them are listed once',
    },
    {
      name: 'ignores where a list goes on',
      table: lying((honest) => ({
        page: async ({ limit }) => ({ ...(await honest.page({ limit })), next: undefined }),
      })),
      caught: '5.3 a list is cut at its limit, and goes on from there',
    },
  ];
  test.each(lies)('finds a table that $name', async ({ table, caught }) => {
    expect(await failedAssertions(table, caught.slice(0, 3))).toContain(caught);
  });
});
