import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { unzipSync, zipSync } from 'fflate';
import { codeOf, JavumboError } from '../core/failure.ts';
import { packageVersion } from '../core/package-information.ts';

/** The function's bundle, which `npm run build` makes. From src it is the same file. */
export const BUNDLE_PATH = fileURLToPath(new URL('../../dist/bundle/function.mjs', import.meta.url));

/** The start of every version's bundle, which identifies our packages. */
export const BUNDLE_BANNER = '// The function of javumbo.';

/** The largest package allowed. Lambda itself takes 50 MB. */
export const PACKAGE_BYTES_MAX = 5_000_000;

const ENTRY = 'index.mjs';

export interface FunctionPackage {
  /** A zip. */
  readonly bytes: Uint8Array;
  /** In hexadecimal. */
  readonly sha256: string;
  /** The same in base64, Lambda's `CodeSha256`. */
  readonly codeSha256: string;
  readonly version: string;
}

/** Packs the function. One version always gives the same bytes. Throws `internal` if the program was not built. */
export async function buildPackage(): Promise<FunctionPackage> {
  const bytes = packed(await readBundle());
  const hash = createHash('sha256').update(bytes).digest();
  return { bytes, sha256: hash.toString('hex'), codeSha256: hash.toString('base64'), version: packageVersion() };
}

/** True if these bytes are a package made by any version of this program. */
export function isPackage(bytes: Uint8Array): boolean {
  try {
    const names: string[] = [];
    const files = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        names.push(name);
        return name === ENTRY && originalSize <= PACKAGE_BYTES_MAX;
      },
    });
    const beginning = Buffer.from(files[ENTRY]?.subarray(0, BUNDLE_BANNER.length) ?? []).toString();
    return names.length === 1 && beginning === BUNDLE_BANNER;
  } catch {
    return false;
  }
}

function packed(bundle: Uint8Array): Uint8Array {
  return zipSync({
    [ENTRY]: [
      bundle,
      {
        level: 9,
        // A zip holds local time, so this is the same in every time zone: the first representable day.
        mtime: new Date(1980, 0, 1, 12),
        // Unix: a world-readable file, since Lambda runs it as another user.
        os: 3,
        attrs: (0o100644 << 16) >>> 0,
      },
    ],
  });
}

async function readBundle(): Promise<Uint8Array> {
  try {
    return await readFile(BUNDLE_PATH);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    throw new JavumboError('internal', `the function's bundle does not exist: ${BUNDLE_PATH}`, {
      try: 'npm run build',
      cause: error,
    });
  }
}
