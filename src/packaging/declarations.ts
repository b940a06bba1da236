import { cpSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ENTRIES = ['library/index.d.ts', 'library/store.d.ts'];

/**
 * Copies the types of the library to `dist/types`, with those that they refer to, and no others. Throws if they need the
 * types of a package: who installs this one has no other. `root`: the directory of package.json, with what tsc compiled.
 */
export function copyDeclarations(root: string): void {
  const compiled = join(root, 'dist');
  const types = join(compiled, 'types');
  rmSync(types, { recursive: true, force: true });
  const waiting = ENTRIES.map((path) => join(compiled, path));
  const reached = new Set<string>();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const [, specifier = ''] of readFileSync(path, 'utf8').matchAll(/(?:from|import\() ?['"]([^'"]+)['"]/g)) {
      if (specifier.startsWith('.')) waiting.push(join(dirname(path), specifier.replace(/\.[jt]s$/, '.d.ts')));
      else if (!specifier.startsWith('node:')) throw new Error(`${path} needs the types of ${specifier}`);
    }
    cpSync(path, join(types, relative(compiled, path)));
  }
}
