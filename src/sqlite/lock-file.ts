import { chmodSync } from 'node:fs';
import { codeOf } from '../core/failure.ts';
import type { SqliteDatabase, SqliteEngine } from './engine.ts';

/**
 * Takes a lock that the system releases when the process ends, however it does. Returns undefined if another process
 * holds it. The file stays, and holds nothing.
 */
export function lockFile(sqlite: SqliteEngine, path: string): { release(): void } | undefined {
  let held: SqliteDatabase | undefined;
  try {
    held = sqlite.open(path, 'read-write');
    chmodSync(path, 0o600);
    held.exec('BEGIN IMMEDIATE');
  } catch (error) {
    held?.close();
    if (codeOf(error)?.startsWith('SQLITE_BUSY')) return undefined;
    throw error;
  }
  const lock = held;
  return { release: () => void lock.close() };
}
