import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';
import { packageVersion } from '../core/package-information.ts';
import { BUNDLE_BANNER, BUNDLE_PATH } from '../lambda/package.ts';
import { refuseMissingModules } from './missing-modules.ts';

/**
 * Bundles the function into one self-contained file for Node 22 and later on any architecture. The published package
 * contains it, so that `function package` needs no bundler. `root`: the directory of package.json, with what tsc compiled.
 */
export async function bundleFunction(root: string): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    input: join(root, 'dist/lambda/lambda.js'),
    platform: 'node',
    // Prefers ES modules, of which the bundle takes only what is used.
    resolve: { mainFields: ['module', 'main'] },
    transform: { target: 'node22', define: { JAVUMBO_VERSION: JSON.stringify(packageVersion()) } },
    tsconfig: false,
    logLevel: 'warn',
  });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false, minify: true, comments: false });
  await bundle.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  const [chunk] = chunks;
  if (chunk === undefined || chunks.length > 1) throw new Error("the function's bundle is not one file");
  const native = Object.keys(chunk.modules).filter((path) => /\bbetter-sqlite3\b|\.node$/.test(path));
  if (native.length > 0) throw new Error(`the function's bundle needs a native module: ${native.join(', ')}`);
  refuseMissingModules("the function's bundle", chunks);
  mkdirSync(dirname(BUNDLE_PATH), { recursive: true });
  writeFileSync(BUNDLE_PATH, `${BUNDLE_BANNER}\n${chunk.code}`);
}
