import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Returns the notices of the packages that files of a bundle come from: names, versions, and the texts of their licences,
 * as these ask for. `paths`: below `root`, such as `node_modules/zod/index.js`. Throws for a package without a licence.
 */
export function thirdPartyNotices(root: string, paths: readonly string[]): string {
  const directories = new Set(
    paths.flatMap((path) => /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  const packagesByText = new Map<string, Set<string>>();
  for (const directory of [...directories].sort()) {
    const { text, name } = noticeOf(join(root, directory));
    packagesByText.set(text, (packagesByText.get(text) ?? new Set()).add(name));
  }
  const notices = [...packagesByText].map(
    ([text, names]) => `${'-'.repeat(72)}\n${[...names].join('\n')}\n\n${text}\n`,
  );
  return ['javumbo contains parts of these packages.\n', ...notices].join('\n');
}

function noticeOf(directory: string): { readonly name: string; readonly text: string } {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
  if (license === undefined) throw new Error(`${name} names no licence`);
  const texts = readdirSync(directory)
    .filter((file) => /^(licen[cs]e|notice|copying)(\.|$)/i.test(file))
    .sort()
    .map((file) => readFileSync(join(directory, file), 'utf8').trim());
  return { name: `${name} ${version}, ${license}`, text: texts.join('\n\n') };
}
