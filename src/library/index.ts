/** The library: databases of users in S3 that lose no update. See docs/library.md. */
export type { AddedNote, NewNote } from '../anki/note.ts';
export { type FailureKind, JavumboError } from '../core/failure.ts';
export type { Retry } from '../core/retry.ts';
export type { Usage } from '../core/usage.ts';
export type { UpdateResult } from '../databases/edits.ts';
export type { OpenOptions, UpdateOptions } from '../databases/optimistic-update.ts';
export type { CommitOutcome, ReadSession } from '../databases/session.ts';
export type { ReplaceOver, UserDatabases } from '../databases/user-databases.ts';
export type { WriteSession } from '../databases/write-session.ts';
export type { SqlDatabase, SqliteDatabase } from '../sqlite/engine.ts';
export type { ListedDatabase, StoredDatabase, Version } from '../store/database-store.ts';
export type { User, UserList, UserRepository } from '../users/repository.ts';
export { addNote, createCollection } from './collection.ts';
export { type OpenedUserDatabases, type OpenUserDatabasesOptions, openUserDatabases } from './open.ts';
