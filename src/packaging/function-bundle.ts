import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { packageVersion } from '../core/package-information.ts';
import { BUNDLE_BANNER, BUNDLE_PATH } from '../lambda/package.ts';
import { refuseMissingModules } from './missing-modules.ts';

/**
 * Bundles the function into one self-contained file for Node 22 and later on any architecture. The published package
 * contains it, so that `function package` needs no bundler. `root`: the directory of package.json, with what tsc compiled.
 */
export async function bundleFunction(root: string): Promise<void> {
  const { metafile, outputFiles } = await build({
    entryPoints: [join(root, 'dist/lambda/lambda.js')],
    outfile: BUNDLE_PATH,
    // Makes paths in the bundle (minifying leaves none) independent of where the build started.
    absWorkingDir: root,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    // Prefers ES modules, of which the bundle takes only what is used.
    mainFields: ['module', 'main'],
    define: { JAVUMBO_VERSION: JSON.stringify(packageVersion()) },
    // Parts of the SDK are CommonJS and load Node's own modules with `require`.
    banner: {
      js: `${BUNDLE_BANNER}\nimport{createRequire}from'node:module';const require=createRequire(import.meta.url);`,
    },
    // Compiled files need no tsconfig.json, whichever lies above.
    tsconfigRaw: {},
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
  const native = Object.keys(metafile.inputs).filter((path) => /\bbetter-sqlite3\b|\.node$/.test(path));
  if (native.length > 0) throw new Error(`the function's bundle needs a native module: ${native.join(', ')}`);
  refuseMissingModules("the function's bundle", metafile);
  mkdirSync(dirname(BUNDLE_PATH), { recursive: true });
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
}
