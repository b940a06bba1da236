import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

let boot: string | undefined;

/** Identifies this boot of the machine, without spaces; where the kernel has no boot id (macOS), the machine alone. */
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
