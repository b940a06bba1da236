import type { Context } from '../core/context.ts';
import { interruptionOf } from '../core/interruptible.ts';
import type { LockTable } from '../locks/lock-table.ts';
import { InterruptibleUserTable } from '../users/interruptible-user-table.ts';
import type { UserTable } from '../users/user-table.ts';

/** The user and lock tables of a deployment, opened at the first call: most commands need neither. */
export interface Tables {
  users(): Promise<UserTable>;
  locks(): Promise<LockTable>;
  close(): void;
}

/** The accounts, as work sees them that a signal may stop. */
export async function interruptibleUsers(tables: Tables, context: Context): Promise<UserTable> {
  const users = await tables.users();
  const interruption = interruptionOf(context);
  return interruption === undefined ? users : new InterruptibleUserTable(users, interruption);
}

/** Opens at the first call, and gives what it opened from then on. */
export function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}
