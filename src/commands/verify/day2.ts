import type { Command } from 'commander';
import type { Execute } from '../../cli/execute.ts';
import { type ReportFlags, reportOptions } from '../report-options.ts';
import { verifyDay } from './verify-day.ts';
import { verifyView } from './view.ts';

export function registerVerifyDay2(parent: Command, execute: Execute): void {
  const command = parent
    .command('day2')
    .description('Tests 2.1 to 2.3: databases are created, read back and measured')
    .addHelpText('after', '\nExample:\n  $ javumbo verify day2 --json');
  reportOptions(command).action((options: ReportFlags) =>
    execute(
      command,
      (invocation) =>
        verifyDay(invocation, 'day2', options, {}, async (deployment, figures) =>
          (await import('../../verify/day2.ts')).day2(deployment, invocation.context, figures),
        ),
      verifyView,
    ),
  );
}
