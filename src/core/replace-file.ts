import { copyFile, lstat, open, readlink, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, JavumboError } from './failure.ts';
import type { Random } from './random.ts';

/**
 * Resolves links to where a file is or will be; a link may point to a file that does not exist yet. Throws `usage` for
 * one that somebody else put into a directory where everybody may, such as /tmp: it leads where they want.
 */
export async function pathBehindLinks(file: string): Promise<string> {
  const directory = await realpath(dirname(resolve(file))).catch(noneIf('ENOENT'));
  // Whoever writes there says what is wrong.
  if (directory === undefined) return resolve(file);
  const path = join(directory, basename(resolve(file)));
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSymbolicLink() !== true) return found === undefined ? path : realpath(path);
  await refusePlanted(path, directory, found.uid);
  // Throws for links that lead to each other; a dangling one names a file to be made.
  await realpath(path).catch(noneIf('ENOENT'));
  return pathBehindLinks(resolve(directory, await readlink(path)));
}

function noneIf(code: string): (error: unknown) => undefined {
  return (error) => {
    if (codeOf(error) !== code) throw error;
  };
}

// What Linux does itself with fs.protected_symlinks, which follows no link before a rename.
async function refusePlanted(link: string, directory: string, owner: number): Promise<void> {
  const { mode, uid } = await stat(directory);
  const shared = (mode & 0o1000) !== 0 && (mode & 0o002) !== 0;
  if (!shared || process.getuid === undefined || owner === process.getuid() || owner === uid) return;
  throw new JavumboError('usage', `${link} is a link of another user in a directory that everybody writes to`, {
    try: 'another file, or one below a directory of your own',
  });
}

/**
 * Replaces an ordinary file by a rename, so that no one reads half of it and a crash leaves the old one. `mode` is that
 * of the replaced file; `part`: where the new one is until then, by `partOf`.
 */
export async function replaceFile(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
  {
    mode,
    random,
    part = partOf(path, random),
  }: { readonly mode?: number | undefined; readonly random: Random; readonly part?: string },
): Promise<void> {
  try {
    const handle = await open(part, 'wx');
    try {
      await writeFile(handle, content);
      if (mode !== undefined) await handle.chmod(mode & 0o777);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path).catch(async (error: unknown) => {
      // A file that is bind-mounted into a container (-v r.json:/r.json) cannot be replaced, only written to.
      if (codeOf(error) !== 'EBUSY') throw error;
      await copyFile(part, path);
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
