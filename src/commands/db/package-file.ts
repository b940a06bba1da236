import { closeSync, openSync, readSync } from 'node:fs';
import type { UnpackedPackage } from '../../exchange/package.ts';
import { sqliteEngine } from '../../sqlite/choose-engine.ts';
import type { SqliteEngine } from '../../sqlite/engine.ts';
import { requireFile } from '../../sqlite/import-copy.ts';
import type { Invocation } from '../execute.ts';

// The beginning of a zip.
const ZIP = Buffer.from('PK\x03\x04');

/** True for a zip, which a package is. Throws `usage` for what is no file. */
export function isPackage(file: string): boolean {
  requireFile(file);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    const start = Buffer.alloc(ZIP.length);
    readSync(descriptor, start, 0, ZIP.length, 0);
    return start.equals(ZIP);
  } catch {
    // Whoever copies it says why it cannot be read.
    return false;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Says what a collection of today's Anki has and the stored one will not. */
export function lossOf(loss: string): string {
  return `schema 11 cannot hold ${loss}`;
}

/** Unpacks a package of Anki's in a private directory for `use`, and says first what of it is lost. */
export async function withPackage<T>(
  invocation: Invocation,
  file: string,
  use: (unpacked: UnpackedPackage, work: string, sqlite: SqliteEngine) => Promise<T>,
): Promise<T> {
  requireFile(file);
  const { unpackPackage } = await import('../../exchange/package.ts');
  const { context, config } = invocation;
  const { cache } = await invocation.deployment();
  const sqlite = await sqliteEngine(config.sqliteEngine.value);
  const work = cache.workDirectory();
  try {
    const unpacked = await unpackPackage(sqlite, file, work.path, context.signal);
    try {
      for (const loss of unpacked.losses) invocation.note(`warning: ${lossOf(loss)}`);
      return await use(unpacked, work.path, sqlite);
    } finally {
      await unpacked.close();
    }
  } finally {
    work.release();
  }
}
