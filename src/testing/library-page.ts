import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './pages.ts';

const PAGE = readFileSync(join(ROOT, 'docs/library.md'), 'utf8');

/** The programs of docs/library.md. */
export const PROGRAMS = [...PAGE.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

/** What the page shows that the first of them prints. */
export const SHOWN = /```text\n([\s\S]*?)```/.exec(PAGE)?.[1] ?? '';

export const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');

/** Writes the programs into a directory that has the package, to be compiled strictly into `out/program0.js` and so on. */
export function writePrograms(directory: string): void {
  const compilerOptions = { module: 'nodenext', target: 'es2023', strict: true, types: ['node'], outDir: 'out' };
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  for (const [index, program] of PROGRAMS.entries()) writeFileSync(join(directory, `program${index}.ts`), program);
}
