import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Random } from '../core/random.ts';

/** Where the record of a store is, whatever characters its identity consists of. */
export function recordPath(directory: string, identity: string): string {
  return join(directory, `${createHash('sha256').update(identity).digest('hex').slice(0, 16)}.json`);
}

/** Writes a file whole or not at all, for this user alone. */
export function writeRecord(path: string, text: string, random: Random): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${random.hex(8)}`;
  writeFileSync(beside, text, { mode: 0o600 });
  renameSync(beside, path);
}
