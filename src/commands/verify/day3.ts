import type { Command } from 'commander';
import type { Execute } from '../../cli/execute.ts';
import { DEFAULT_RTT_MS } from '../bench/scenario.ts';
import { type ReportFlags, reportOptions } from '../report-options.ts';
import { verifyDay } from './verify-day.ts';
import { verifyView } from './view.ts';

export function registerVerifyDay3(parent: Command, execute: Execute): void {
  const command = parent
    .command('day3')
    .description('Tests 3.1 to 3.3: the cache is fast, is hit, and never outlives its version')
    .addHelpText('after', '\nExample:\n  $ javumbo verify day3 --json');
  reportOptions(command).action((options: ReportFlags) =>
    execute(
      command,
      (invocation) =>
        verifyDay(invocation, 'day3', options, { rttDefaultMs: DEFAULT_RTT_MS }, async (deployment, figures) =>
          (await import('../../verify/day3.ts')).day3(deployment, invocation.context, figures),
        ),
      verifyView,
    ),
  );
}
