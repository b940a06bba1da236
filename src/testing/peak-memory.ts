import { existsSync, readFileSync } from 'node:fs';

const STATUS = '/proc/self/status';

/**
 * Returns the peak resident memory of this program in bytes. On Linux `maxRSS` starts with the parent's value, VmHWM
 * with the program (man 5 proc); elsewhere only `maxRSS` exists.
 */
export function peakMemoryBytes(): number {
  // Kilobytes on every platform. (https://nodejs.org/api/process.html#processresourceusage)
  if (!existsSync(STATUS)) return process.resourceUsage().maxRSS * 1024;
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
