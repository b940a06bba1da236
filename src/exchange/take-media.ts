import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Random } from '../core/random.ts';
import { replaceFile } from '../core/replace-file.ts';
import type { UnpackedPackage } from './package.ts';

/** How many media of a package were put into a directory, were there already, or are there under that name otherwise. */
interface TakenMedia {
  readonly written: number;
  readonly unchanged: number;
  readonly different: readonly string[];
}

/**
 * Puts the media of a package into a directory. Replaces no file: one that is there with other bytes stays, and is
 * named. `work`: a private directory.
 */
export async function takeMedia(
  { media, unpackMedium }: Pick<UnpackedPackage, 'media' | 'unpackMedium'>,
  directory: string,
  { work, random }: { readonly work: string; readonly random: Random },
): Promise<TakenMedia> {
  let [written, unchanged] = [0, 0];
  const different: string[] = [];
  for (const [entry, name] of media) {
    const unpacked = join(work, `medium-${entry}`);
    const target = join(directory, name);
    await unpackMedium(entry, unpacked);
    if (
      await stat(target).then(
        () => false,
        () => true,
      )
    ) {
      await replaceFile(target, createReadStream(unpacked), { random });
      written++;
    } else if ((await digestOf(target)) === (await digestOf(unpacked))) unchanged++;
    else different.push(name);
    await rm(unpacked);
    await rm(`${unpacked}.zst`, { force: true });
  }
  return { written, unchanged, different };
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
