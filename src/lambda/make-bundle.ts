/**
 * The last step of `npm run build`: makes of the function one file that needs nothing beside it, for Node 22 and later on
 * any architecture. The published package carries the file, so that `function package` needs no bundler.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { packageVersion } from '../core/package-information.ts';
import { BUNDLE_BANNER, BUNDLE_PATH } from './package.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const { metafile, outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('./lambda.js', import.meta.url))],
  outfile: BUNDLE_PATH,
  // Paths in the bundle, of which minifying leaves none, would be as seen from here and not from where the build was started.
  absWorkingDir: root,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node22',
  format: 'esm',
  // Libraries as ES modules where they have them: of those the bundle takes only what is used.
  mainFields: ['module', 'main'],
  define: { JAVUMBO_VERSION: JSON.stringify(packageVersion()) },
  // Some parts of the SDK are CommonJS, and ask for Node's own modules with `require`.
  banner: {
    js: `${BUNDLE_BANNER}\nimport{createRequire}from'node:module';const require=createRequire(import.meta.url);`,
  },
  // What tsc has compiled needs nothing of a tsconfig.json, whichever lies above.
  tsconfigRaw: {},
  metafile: true,
  write: false,
  logLevel: 'warning',
});

const native = Object.keys(metafile.inputs).filter((path) => /\bbetter-sqlite3\b|\.node$/.test(path));
const missing = Object.values(metafile.outputs)
  .flatMap(({ imports }) => imports.map(({ path }) => path))
  // Node 20, on which this may run, does not know node:sqlite.
  .filter((path) => !path.startsWith('node:') && !isBuiltin(path));
if (native.length > 0) throw new Error(`the function's bundle would need a native module: ${native.join(', ')}`);
if (missing.length > 0) throw new Error(`the function's bundle would need what is not in it: ${missing.join(', ')}`);
mkdirSync(dirname(BUNDLE_PATH), { recursive: true });
for (const { path, contents } of outputFiles) writeFileSync(path, contents);
