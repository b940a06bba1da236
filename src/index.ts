/** The library: the S3 SQLite core, as the command uses it. */
export { type Clock, systemClock } from './clock.ts';
export { betterSqlite } from './databases/better-sqlite.ts';
export { DatabaseCache, type DatabaseCacheOptions } from './databases/cache.ts';
export type { CacheLimits } from './databases/cache-evictions.ts';
export { LocalDatabaseStore } from './databases/local-store.ts';
export { MemoryDatabaseStore } from './databases/memory-store.ts';
export { RetryingDatabaseStore } from './databases/retrying-store.ts';
export { S3DatabaseStore } from './databases/s3-store.ts';
export type { CommitOutcome, ReadSession } from './databases/session.ts';
export type { SqliteDatabase, SqliteEngine } from './databases/sqlite.ts';
export type * from './databases/store.ts';
export { UserDatabases, type UserDatabasesOptions } from './databases/user-databases.ts';
export type { WriteSession } from './databases/write-session.ts';
export { type FailureKind, JavumboError } from './failure.ts';
export { type Random, systemRandom } from './random.ts';
export type { RetriesOptions, RetryPolicy } from './retry.ts';
