import type { UpdateOptions, UpdateResult, UserDatabases } from '../databases/user-databases.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { LockTable } from './lock-table.ts';
import { type LeaseOptions, withLease } from './with-lease.ts';

/**
 * Runs `update` under a lease: writers queue instead of racing, so that each edit runs once and is one PUT. First
 * revalidates the cached copy (one GET, conditional if there is a copy): otherwise the first PUT after another writer's
 * would be refused, lease or not. Even if the lease is lost, the conditional write decides.
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
