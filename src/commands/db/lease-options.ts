import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { milliseconds } from '../../config/duration.ts';

/** How a command that writes takes its turn; `lease` absent: it races, and the conditional write decides. */
export interface LeaseFlags {
  readonly lease?: boolean;
  readonly leaseTtl: number;
}

const LEASE_TTL_MS = 5_000;

/** How long a command waits for its turn, in milliseconds: some crashed holders' worth. */
export const LEASE_WAIT_MAX_MS = 60_000;

/** Adds `--lease` and `--lease-ttl`. */
export function leaseOptions(command: Command): Command {
  return command
    .option('--lease', 'wait for other writers instead of racing them')
    .option('--lease-ttl <duration>', 'how long others wait for a holder that crashed', parseTtl, LEASE_TTL_MS);
}

function parseTtl(text: string): number {
  // A bare number is seconds here, as people say it of a lease; a unit says otherwise.
  const ttl = milliseconds(/^[\d.]+$/.test(text) ? `${text}s` : text);
  if (ttl === undefined || ttl < 1) throw new InvalidArgumentError('It must be a duration such as 5s.');
  return ttl;
}
