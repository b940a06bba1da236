import { rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { type OutputChunk, rolldown } from 'rolldown';
import { refuseMissingModules } from './missing-modules.ts';
import { thirdPartyNotices } from './third-party-notices.ts';

/** The programs and modules of the published package, by their name in dist/bundle. */
const ENTRIES = {
  command: 'dist/commands/bin.js',
  library: 'dist/library/index.js',
  store: 'dist/library/store.js',
  'concurrent-worker': 'dist/bench/concurrent-worker.js',
  'consistency-client': 'dist/consistency/client-process.js',
  'local-container': 'dist/lambda/local-container.js',
  'digest-worker': 'dist/store/digest-worker.js',
};

/** What a program imports. */
const MODULES = ['library', 'store'];

/** What npm installs beside the package, since it has a native part. */
const INSTALLED = ['better-sqlite3'];

/**
 * Bundles the command and the library, with everything they use, into `dist/bundle`: a file per entry, one per command,
 * and shared ones, loaded only when used. A command then reads a few files instead of hundreds, and npm installs none of
 * what is inside. They are CommonJS, since loading ES modules takes Node twice as long; for those who import the library,
 * there are ES modules with its names. Writes the notices of what is inside beside them. `root`: the directory of
 * package.json, with what tsc compiled.
 */
export async function bundlePackage(root: string): Promise<void> {
  const directory = join(root, 'dist/bundle');
  rmSync(directory, { recursive: true, force: true });
  const { version } = createRequire(join(root, 'package.json'))('@aws-sdk/client-s3/package.json') as {
    version: string;
  };
  const bundle = await rolldown({
    cwd: root,
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, join(root, path)])),
    platform: 'node',
    resolve: { mainFields: ['module', 'main'] },
    external: INSTALLED,
    transform: { target: 'node20', define: { JAVUMBO_SDK_VERSION: JSON.stringify(version) } },
    tsconfig: false,
    logLevel: 'warn',
  });
  const { output } = await bundle.write({
    dir: directory,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name]-[hash].cjs',
    // Names stay, for the stack of an internal error.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    comments: false,
  });
  await bundle.close();
  const chunks = output.filter((file) => file.type === 'chunk');
  refuseMissingModules('the package', chunks, INSTALLED);
  for (const name of MODULES) writeFileSync(join(directory, `${name}.js`), esModuleOf(name, chunks));
  writeFileSync(join(directory, 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root, pathsInside(root, chunks)));
}

function esModuleOf(name: string, chunks: readonly OutputChunk[]): string {
  const names = chunks.find((chunk) => chunk.isEntry && chunk.name === name)?.exports ?? [];
  if (names.length === 0) throw new Error(`the bundle has no module ${name}`);
  return `import module from './${name}.cjs';\nexport const { ${names.join(', ')} } = module;\n`;
}

function pathsInside(root: string, chunks: readonly OutputChunk[]): string[] {
  return chunks.flatMap(({ modules }) =>
    Object.entries(modules)
      .filter(([, { renderedLength }]) => renderedLength > 0)
      .map(([path]) => relative(root, path)),
  );
}
