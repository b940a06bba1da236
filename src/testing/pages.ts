import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** README and every page of docs, by their paths in the repository. */
export const PAGES: ReadonlyMap<string, string> = new Map(
  ['README.md', ...readdirSync(`${ROOT}docs`).map((name) => `docs/${name}`)]
    .filter((path) => path.endsWith('.md'))
    .map((path) => [path, readFileSync(`${ROOT}${path}`, 'utf8')]),
);

/** The text of one page. */
export function page(path: string): string {
  const text = PAGES.get(path);
  if (text === undefined) throw new Error(`there is no page ${path}`);
  return text;
}
