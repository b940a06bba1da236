import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { unzipSync, zipSync } from 'fflate';
import { codeOf, JavumboError } from '../core/failure.ts';
import { packageVersion } from '../core/package-information.ts';

/** The function in one file, as `npm run build` makes it. From src it is the same file. */
export const BUNDLE_PATH = fileURLToPath(new URL('../../dist/lambda/bundle/index.mjs', import.meta.url));

/** How the bundle begins, of whatever version: what tells a package of ours from another function's. */
export const BUNDLE_BANNER = '// The function of javumbo.';

/** As large as a package may become. Lambda itself takes 50 MB. */
export const PACKAGE_BYTES_MAX = 5_000_000;

/** What Lambda is told to call: the export `handler` of index.mjs. */
export const PACKAGE_HANDLER = 'index.handler';

const ENTRY = 'index.mjs';

/** The function as Lambda takes it. */
export interface FunctionPackage {
  /** A zip. */
  readonly bytes: Uint8Array;
  /** In hexadecimal. */
  readonly sha256: string;
  /** The same in base64, as Lambda calls it `CodeSha256`. */
  readonly codeSha256: string;
  /** Of the program. */
  readonly version: string;
}

/**
 * Packs the function. The same version gives the same bytes, on every machine and at any time. Throws `internal` where the
 * program was not built.
 */
export async function buildPackage(): Promise<FunctionPackage> {
  const bytes = packed(await readBundle());
  const hash = createHash('sha256').update(bytes).digest();
  return { bytes, sha256: hash.toString('hex'), codeSha256: hash.toString('base64'), version: packageVersion() };
}

/** Whether these bytes are a package that this program has made, of whatever version. */
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
        // A zip holds local time, so this is the same in every time zone: the first day that it can hold.
        mtime: new Date(1980, 0, 1, 12),
        // Made on Unix: an ordinary file that everybody reads, for Lambda runs it as somebody else.
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
    throw new JavumboError('internal', `the function's bundle is not there: ${BUNDLE_PATH}`, {
      try: 'npm run build',
      cause: error,
    });
  }
}
