import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { Transfer } from '../core/requests.ts';
import type { SqliteEngine } from '../sqlite/engine.ts';

/** A file of the local deployment that no database refers to. */
export interface OrphanedFile {
  readonly username: string;
  readonly file: string;
  readonly sizeBytes: number;
  readonly lastModified: number;
}

export interface LocalDatabaseStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Opens the index. */
  readonly sqlite: SqliteEngine;
  /** The most bytes that earlier versions may take in all. Default 1 GB. */
  readonly historyBytesMax?: number | undefined;
  /** Called when the bytes of a database begin to move. */
  readonly onTransfer?: ((transfer: Transfer) => void) | undefined;
  /** Ends the wait of a write for another process's lock: nothing has been written then. */
  readonly signal?: AbortSignal | undefined;
  /** Called before each step of a put, so that a test can end the process there. */
  readonly atStep?: ((step: LocalPutStep) => void) | undefined;
}

/** The steps of a put, between which crashes differ. */
export const LOCAL_PUT_STEPS = [
  'locked',
  'file-copied',
  'file-synced',
  'index-written',
  'index-committed',
  'old-file-removed',
] as const;
/** `deleted`: after a delete has released its lock. */
export type LocalPutStep = (typeof LOCAL_PUT_STEPS)[number] | 'deleted';
