import { createHash } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectory } from '../core/make-directory.ts';
import type { Random } from '../core/random.ts';

/** Returns the path of a store's record; its identity may contain any characters. */
export function recordPath(directory: string, identity: string): string {
  return join(directory, `${createHash('sha256').update(identity).digest('hex').slice(0, 16)}.json`);
}

/** Writes a file atomically, readable by this user alone. */
export function writeRecord(path: string, text: string, random: Random): void {
  makeDirectory(dirname(path));
  const beside = `${path}.${random.hex(8)}`;
  writeFileSync(beside, text, { mode: 0o600 });
  renameSync(beside, path);
}
