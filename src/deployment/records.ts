import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Random } from '../random.ts';

/** Writes a file whole or not at all, for this user alone. */
export function writeRecord(path: string, text: string, random: Random): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${random.hex(8)}`;
  writeFileSync(beside, text, { mode: 0o600 });
  renameSync(beside, path);
}
