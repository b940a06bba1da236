import type { WorkDirectory } from '../cache/work-directory.ts';
import type { MeantWrite } from '../databases/session.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { ObjectVersions } from '../history/object-versions.ts';
import type { LoadSqlite } from '../sqlite/engine.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import type { UserTable } from '../users/user-table.ts';
import type { JournalHeader } from './journal.ts';

/** The deployment that is worked on. */
export interface FleetTarget {
  readonly deployment: JournalHeader['deployment'];
  readonly store: DatabaseStore;
  /** Without a cache: each database is fetched once. Each update has a PUT of its own, before which it waits. */
  readonly databases: (beforePut?: (write: MeantWrite) => Promise<void>) => UserDatabases;
  /** Undefined where accounts are left out. */
  readonly users: UserTable | undefined;
  readonly objects: () => Promise<ObjectVersions>;
  readonly sqlite: LoadSqlite;
  readonly workDirectory: () => WorkDirectory;
}
