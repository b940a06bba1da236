import type { Command } from 'commander';
import type { Execute, Invocation } from '../../cli/execute.ts';
import { progressOn } from '../../cli/progress.ts';
import type { VerifyResult } from '../../verify/run.ts';
import { verifyView } from './view.ts';

export function registerVerifyDay2(parent: Command, execute: Execute): void {
  const command = parent
    .command('day2')
    .description('Tests 2.1 to 2.3: databases are created, read back and measured')
    .addHelpText('after', '\nExample:\n  $ javumbo verify day2 --json');
  command.action(() => execute(command, verifyDay2, verifyView));
}

export async function verifyDay2(invocation: Invocation): Promise<VerifyResult> {
  const { day2 } = await import('../../verify/day2.ts');
  const { runDay } = await import('../../verify/run.ts');
  const { context, flags } = invocation;
  const progress = progressOn(context, flags.quiet);
  const deployment = await invocation.deployment();
  try {
    return await runDay(
      'day2',
      deployment,
      context,
      (figures) => day2(deployment, context, figures),
      ({ id, name }) => progress.show(`test ${id}: ${name}`),
    );
  } finally {
    progress.done();
  }
}
