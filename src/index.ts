/** The library: the S3 SQLite core, as the command uses it. */

export { DatabaseCache, type DatabaseCacheOptions } from './cache/cache.ts';
export type { CacheLimits } from './cache/evictions.ts';
export { type Clock, systemClock } from './core/clock.ts';
export { type FailureKind, JavumboError } from './core/failure.ts';
export { type Random, systemRandom } from './core/random.ts';
export type { RetriesOptions, RetryPolicy } from './core/retry.ts';
export type { CommitOutcome, ReadSession } from './databases/session.ts';
export { UserDatabases, type UserDatabasesOptions } from './databases/user-databases.ts';
export type { WriteSession } from './databases/write-session.ts';
export { betterSqlite } from './sqlite/better-sqlite.ts';
export type { SqliteDatabase, SqliteEngine } from './sqlite/engine.ts';
export type * from './store/database-store.ts';
export { LocalDatabaseStore } from './store/local-store.ts';
export { MemoryDatabaseStore } from './store/memory-store.ts';
export { RetryingDatabaseStore } from './store/retrying-store.ts';
export { S3DatabaseStore } from './store/s3-store.ts';
