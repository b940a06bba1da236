import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

let boot: { readonly id: string; readonly known: boolean } | undefined;

/** Identifies this boot of the machine, without spaces; where the kernel has no boot id (macOS), the machine alone. */
export function bootId(): string {
  return thisBoot().id;
}

/** True if `bootId` differs after the machine was started again. */
export function isBootKnown(): boolean {
  return thisBoot().known;
}

function thisBoot(): { readonly id: string; readonly known: boolean } {
  if (boot === undefined) {
    try {
      boot = { id: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), known: true };
    } catch {
      boot = { id: hostname().replaceAll(/\s/g, '-'), known: false };
    }
  }
  return boot;
}
