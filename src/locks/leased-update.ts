import type { UpdateOptions, UpdateResult, UserDatabases } from '../databases/user-databases.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { LockTable } from './lock-table.ts';
import { type LeaseOptions, withLease } from './with-lease.ts';

/**
 * `update` under a lease: writers wait for one another instead of racing, so that each edit runs once and is one PUT. The
 * cached copy is made current first (one GET, conditional where there is a copy): without that the first PUT after
 * somebody else's would be refused, lease or not. Whatever becomes of the lease, the conditional write decides.
 */
export function leasedUpdate<T>(
  databases: UserDatabases,
  locks: LockTable,
  username: string,
  edit: (database: SqliteDatabase) => T,
  options: UpdateOptions & LeaseOptions,
): Promise<UpdateResult<T>> {
  return withLease(locks, username, options, async () => {
    await databases.revalidate(username);
    return databases.update(username, edit, options);
  });
}
