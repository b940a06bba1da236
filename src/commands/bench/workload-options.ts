import { type Command, Option } from 'commander';
import type { Workload } from '../../bench/workload.ts';
import { parseMix, parseSkew, parseUsers } from '../../cli/arguments.ts';

/** Adds the options that say who comes, and for what. */
export function workloadOptions(command: Command, { users, skew, mix }: Workload): Command {
  return command
    .option('--users <n>', 'how many users', parseUsers, users)
    .addOption(
      new Option('--mix <weights>', 'how often they read and write')
        .argParser(parseMix)
        .default(mix, `read=${mix.read},write=${mix.write}`),
    )
    .option('--skew <exponent>', 'how uneven users come: Zipf’s exponent, 0 for evenly', parseSkew, skew);
}
