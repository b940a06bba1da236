import { readFileSync } from 'node:fs';

/** Read where it is, beside dist: neither the version nor the description stands anywhere else. */
export function packageInformation(): { readonly version: string; readonly description: string } {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
}

/** Of this program. */
export function packageVersion(): string {
  return packageInformation().version;
}
