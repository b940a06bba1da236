import { isBuiltin } from 'node:module';
import type { OutputChunk } from 'rolldown';

/** Throws if a bundle needs a module that is neither in it, nor in Node, nor installed beside it. */
export function refuseMissingModules(
  what: string,
  chunks: readonly OutputChunk[],
  installed: readonly string[] = [],
): void {
  const inside = new Set(chunks.map(({ fileName }) => fileName));
  const missing = chunks
    .flatMap(({ imports, dynamicImports }) => [...imports, ...dynamicImports])
    .filter((name) => !inside.has(name))
    // This may run on Node 20, which does not know node:sqlite.
    .filter((name) => !name.startsWith('node:') && !isBuiltin(name) && !installed.includes(name));
  if (missing.length > 0) throw new Error(`${what} lacks modules that it needs: ${missing.join(', ')}`);
}
