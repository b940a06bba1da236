import { open, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf } from './failure.ts';
import type { Random } from './random.ts';

/** Resolves links to where a file is or will be; a link may point to a file that does not exist yet. */
export async function pathBehindLinks(file: string): Promise<string> {
  try {
    return await realpath(file);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  // Either nothing exists there, or a dangling link.
  const target = await readlink(file).catch(() => undefined);
  return target === undefined ? resolve(file) : pathBehindLinks(resolve(await realpath(dirname(file)), target));
}

/**
 * Replaces an ordinary file by a rename, so that no one reads half of it and a crash leaves the old one. `mode` is that
 * of the replaced file.
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
      // A file that is bind-mounted into a container (-v r.json:/r.json) cannot be replaced, only written to.
      if (codeOf(error) !== 'EBUSY') throw error;
      await writeFile(path, content);
      await rm(part);
    });
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
}

/** Returns a temporary name beside a file. */
export function partOf(path: string, random: Random): string {
  return join(dirname(path), `.${basename(path)}.${random.hex(8)}.part`);
}
