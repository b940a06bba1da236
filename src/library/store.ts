/**
 * The parts, for a program that composes them itself: over its own store, a store in memory for its tests, or an S3 client
 * with its own settings. That client must send each request once (`maxAttempts: 1`): retries below RetryingDatabaseStore
 * repeat writes whose fate nobody settles.
 */
export { DatabaseCache, type DatabaseCacheOptions } from '../cache/cache.ts';
export type { CacheLimits } from '../cache/evictions.ts';
export type { Around } from '../core/around.ts';
export { type Clock, systemClock } from '../core/clock.ts';
export { type Random, systemRandom } from '../core/random.ts';
export type { RetriesOptions, RetryPolicy } from '../core/retry.ts';
export { UsageMeter } from '../core/usage.ts';
export { UserDatabases, type UserDatabasesOptions } from '../databases/user-databases.ts';
export { sqliteEngine } from '../sqlite/choose-engine.ts';
export type { LoadSqlite, SqliteEngine } from '../sqlite/engine.ts';
export { aroundStore } from '../store/around-store.ts';
export { CountingDatabaseStore } from '../store/counting-store.ts';
export type * from '../store/database-store.ts';
export { LocalDatabaseStore } from '../store/local-store.ts';
export { MemoryDatabaseStore } from '../store/memory-store.ts';
export { RetryingDatabaseStore } from '../store/retrying-store.ts';
export { S3DatabaseStore } from '../store/s3-store.ts';
