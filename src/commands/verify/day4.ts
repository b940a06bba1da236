import type { Command } from 'commander';
import type { Execute } from '../../cli/execute.ts';
import { DEFAULT_RTT_MS } from '../bench/scenario.ts';
import { type ReportFlags, reportOptions } from '../report-options.ts';
import { verifyDay } from './verify-day.ts';
import { verifyView } from './view.ts';

export function registerVerifyDay4(parent: Command, execute: Execute): void {
  const command = parent
    .command('day4')
    .description('Tests 4.1 and 4.2: conflicts are detected, and nothing is lost')
    .addHelpText('after', '\nExample:\n  $ javumbo verify day4 --json');
  reportOptions(command).action((options: ReportFlags) =>
    execute(
      command,
      (invocation) =>
        verifyDay(invocation, 'day4', options, { rttDefaultMs: DEFAULT_RTT_MS }, async (deployment, figures) =>
          (await import('../../verify/day4.ts')).day4(deployment, invocation.context, figures),
        ),
      verifyView,
    ),
  );
}
