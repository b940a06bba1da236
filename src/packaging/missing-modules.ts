import { isBuiltin } from 'node:module';
import type { Metafile } from 'esbuild';

/** Throws if a bundle needs a module that is neither in it, nor in Node, nor installed beside it. */
export function refuseMissingModules(what: string, { outputs }: Metafile, installed: readonly string[] = []): void {
  const missing = Object.values(outputs)
    .flatMap(({ imports }) => imports.filter(({ external }) => external === true).map(({ path }) => path))
    // This may run on Node 20, which does not know node:sqlite.
    .filter((path) => !path.startsWith('node:') && !isBuiltin(path) && !installed.includes(path));
  if (missing.length > 0) throw new Error(`${what} lacks modules that it needs: ${missing.join(', ')}`);
}
