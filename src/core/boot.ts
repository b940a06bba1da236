import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

let boot: string | undefined;

/** A name of this machine since it was started, without spaces; where the kernel gives none (macOS), of the machine alone. */
export function bootId(): string {
  if (boot === undefined) {
    try {
      boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    } catch {
      boot = hostname().replaceAll(/\s/g, '-');
    }
  }
  return boot;
}
