import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { TableRequestCounter } from '../core/table-requests.ts';
import { CountingLockTable } from '../locks/counting-lock-table.ts';
import { CountingUserTable } from '../users/counting-user-table.ts';
import { once, type Tables } from './tables.ts';

/** The tables of the local deployment. Nothing is in doubt on this machine, so nothing is sent again. */
export function localTables({ home }: Config, clock: Clock, counter: TableRequestCounter): Tables {
  const opened: { close(): void }[] = [];
  return {
    users: once(async () => {
      const { LocalUserTable } = await import('../users/local-user-table.ts');
      const users = new LocalUserTable(home.value);
      opened.push(users);
      return new CountingUserTable(users, counter);
    }),
    locks: once(async () => {
      const { LocalLockTable } = await import('../locks/local-lock-table.ts');
      const locks = new LocalLockTable(home.value, { clock });
      opened.push(locks);
      return new CountingLockTable(locks, counter);
    }),
    close: () => {
      for (const table of opened) table.close();
    },
  };
}
