import { type Command, Option } from 'commander';
import { parseLeaseTtl } from '../../cli/arguments.ts';
import { JavumboError } from '../../core/failure.ts';

/** How a write takes turns. Without `lease` it races, and the conditional write decides. */
export interface LeaseFlags {
  readonly lease?: boolean;
  readonly leaseTtl?: number;
}

const LEASE_TTL_MS = 5_000;

/** Returns how long a lease lasts, or undefined without one. Throws `usage` for a duration of what is not asked for. */
export function leaseTtlOf({ lease = false, leaseTtl }: LeaseFlags): number | undefined {
  if (lease) return leaseTtl ?? LEASE_TTL_MS;
  if (leaseTtl === undefined) return undefined;
  throw new JavumboError('usage', '--lease-ttl is the time to live of a lease, and there is no --lease', {
    try: 'both, or none of them',
  });
}

/** How long a command waits for its turn: longer than several crashed holders keep it. */
export const LEASE_WAIT_MAX_MS = 60_000;

/** Adds `--lease` and `--lease-ttl`. */
export function leaseOptions(command: Command): Command {
  return command
    .option('--lease', 'wait for other writers instead of racing them')
    .addOption(
      new Option('--lease-ttl <duration>', 'how long others wait for a holder that crashed (default: 5s)').argParser(
        parseLeaseTtl,
      ),
    );
}
