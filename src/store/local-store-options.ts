import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';

/** A file of the local deployment that belongs to no database. */
export interface OrphanedFile {
  readonly username: string;
  readonly file: string;
  readonly sizeBytes: number;
  readonly lastModified: number;
}

export interface LocalDatabaseStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Told before each step of a put, so that a test can end the process there. */
  readonly atStep?: ((step: LocalPutStep) => void) | undefined;
}

/** The points of a put between which a crash is told apart. */
export const LOCAL_PUT_STEPS = [
  'locked',
  'file-copied',
  'file-synced',
  'index-written',
  'index-committed',
  'old-file-removed',
] as const;
/** `deleted`: after a delete gave its lock back. */
export type LocalPutStep = (typeof LOCAL_PUT_STEPS)[number] | 'deleted';
