import { existsSync, readFileSync } from 'node:fs';

const STATUS = '/proc/self/status';

/**
 * The most memory that this program has had resident, in bytes. On Linux `maxRSS` begins with what whoever started the
 * process had at that moment, and VmHWM with the program (man 5 proc); elsewhere `maxRSS` is what there is.
 */
export function peakMemoryBytes(): number {
  // Kilobytes on every platform. (https://nodejs.org/api/process.html#processresourceusage)
  if (!existsSync(STATUS)) return process.resourceUsage().maxRSS * 1024;
  const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(STATUS, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
