import type { Command } from 'commander';
import type { Execute } from '../../cli/execute.ts';
import { type ReportFlags, reportOptions } from '../report-options.ts';
import { verifyDay } from './verify-day.ts';
import { verifyView } from './view.ts';

export function registerVerifyDay5(parent: Command, execute: Execute): void {
  const command = parent
    .command('day5')
    .description(
      'Tests 5.1 to 5.3: accounts are created, authenticated, changed, deleted, and found in a list of the whole table',
    )
    .addHelpText('after', '\nExample:\n  $ javumbo verify day5 --json');
  reportOptions(command).action((options: ReportFlags) =>
    execute(
      command,
      (invocation) =>
        verifyDay(invocation, 'day5', options, {}, async (deployment, figures) =>
          (await import('../../verify/day5.ts')).day5(deployment, invocation.context, figures),
        ),
      verifyView,
    ),
  );
}
