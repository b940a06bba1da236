import { readFileSync } from 'node:fs';

/** Reads package.json beside dist, the only place that states the version and the description. */
export function packageInformation(): { readonly version: string; readonly description: string } {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
}

export function packageVersion(): string {
  return packageInformation().version;
}
