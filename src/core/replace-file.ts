import { open, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf } from './failure.ts';
import type { Random } from './random.ts';

/** Where a file is or will be: a link may point to a file that is still to be made. */
export async function pathBehindLinks(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  // Nothing is there, or a link to nothing.
  const target = await readlink(file).catch(() => undefined);
  return target === undefined ? resolve(file) : pathBehindLinks(resolve(await realpath(dirname(file)), target));
}

/**
 * Writes an ordinary file whole, by a rename at the end, so that nobody ever reads half of it and whoever is killed leaves
 * the old one. `mode`: of the file that is replaced.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  { mode, random }: { readonly mode?: number | undefined; readonly random: Random },
): Promise<void> {
  const part = partOf(path, random);
  try {
    const handle = await open(part, 'wx');
    try {
      await handle.writeFile(content);
      if (mode !== undefined) await handle.chmod(mode & 0o777);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path).catch(async (error: unknown) => {
      // A file that a container has mounted for itself (-v r.json:/r.json) is in use, and takes bytes all the same.
      if (codeOf(error) !== 'EBUSY') throw error;
      await writeFile(path, content);
      await rm(part);
    });
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** A name beside a file for what is to become it. */
export function partOf(path: string, random: Random): string {
  return join(dirname(path), `.${basename(path)}.${random.hex(8)}.part`);
}
