import { type Command, Option } from 'commander';
import { parseLeaseTtl } from '../../cli/arguments.ts';

/** How a write takes turns. Without `lease` it races, and the conditional write decides. */
export interface LeaseFlags {
  readonly lease?: boolean;
  readonly leaseTtl: number;
}

/** How long a command waits for its turn: longer than several crashed holders keep it. */
export const LEASE_WAIT_MAX_MS = 60_000;

/** Adds `--lease` and `--lease-ttl`. */
export function leaseOptions(command: Command): Command {
  return command
    .option('--lease', 'wait for other writers instead of racing them')
    .addOption(
      new Option('--lease-ttl <duration>', 'how long others wait for a holder that crashed')
        .argParser(parseLeaseTtl)
        .default(5_000, '5s'),
    );
}
