import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { build } from 'esbuild';
import { refuseMissingModules } from './missing-modules.ts';
import { thirdPartyNotices } from './third-party-notices.ts';

/** The programs and modules of the published package, by their name in dist/bundle. */
const ENTRIES = {
  command: 'dist/commands/bin.js',
  library: 'dist/library/index.js',
  store: 'dist/library/store.js',
  'concurrent-worker': 'dist/bench/concurrent-worker.js',
  'local-container': 'dist/lambda/local-container.js',
};

/** What npm installs beside the package, since it has a native part. */
const INSTALLED = ['better-sqlite3'];

// Parts of the SDK are CommonJS and load Node's own modules with `require`, all of them by way of one file: making it takes
// a tenth of a millisecond, in each of the twenty files that every command loads.
const NEEDS_REQUIRE = 'typeof require';
const REQUIRE = "import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);\n";

/**
 * Bundles the command and the library, with everything they use, into `dist/bundle`: a file per entry, one per command,
 * and shared ones, loaded only when used. A command then reads a few files instead of hundreds, and npm installs none of
 * what is inside. Writes the notices of what is inside beside them. `root`: the directory of package.json, with what tsc
 * compiled.
 */
export async function bundlePackage(root: string): Promise<void> {
  const outdir = join(root, 'dist/bundle');
  rmSync(outdir, { recursive: true, force: true });
  const { version } = createRequire(join(root, 'package.json'))('@aws-sdk/client-s3/package.json') as {
    version: string;
  };
  const { metafile, outputFiles } = await build({
    entryPoints: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, join(root, path)])),
    outdir,
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    // Names stay, for the stack of an internal error.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    mainFields: ['module', 'main'],
    external: INSTALLED,
    define: { JAVUMBO_SDK_VERSION: JSON.stringify(version) },
    tsconfigRaw: {},
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  mkdirSync(outdir, { recursive: true });
  for (const { path, text } of outputFiles) writeFileSync(path, (text.includes(NEEDS_REQUIRE) ? REQUIRE : '') + text);
  refuseMissingModules('the package', metafile, INSTALLED);
  const inside = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs)
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path),
  );
  writeFileSync(join(outdir, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root, inside));
}
