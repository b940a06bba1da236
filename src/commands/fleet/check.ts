import type { Command } from 'commander';
import { countsText } from '../backup/outcomes.ts';
import type { Execute, Invocation } from '../execute.ts';
import {
  fleetOptions,
  type OutputOptions,
  type SelectionFlags,
  selectionOf,
  selectionOptions,
  targetOf,
} from './options.ts';
import { collected, type FleetReport, fleetView } from './output.ts';

interface CheckOptions extends SelectionFlags, OutputOptions {
  readonly parallel: number;
  readonly withoutAccounts?: boolean;
}

export function registerFleetCheck(parent: Command, execute: Execute): void {
  const command = selectionOptions(
    parent.command('check').description('examine every database, and compare databases with accounts'),
  )
    .option('--without-accounts', 'leave accounts out')
    .addHelpText('after', '\nExample:\n  $ javumbo fleet check --prefix a');
  fleetOptions(command).action((options: CheckOptions) =>
    execute(
      command,
      (invocation) => fleetCheck(invocation, options),
      fleetView<FleetReport>(options, { rest: () => ({}), summary: ({ counts }) => countsText(counts) }),
    ),
  );
}

export async function fleetCheck(invocation: Invocation, options: CheckOptions): Promise<FleetReport> {
  const { parallel, withoutAccounts = false } = options;
  const [{ checkFleet }, { countSelected }] = await Promise.all([
    import('../../fleet/check.ts'),
    import('../../fleet/selection.ts'),
  ]);
  const { clock, random, signal } = invocation.context;
  const { selection, users } = await selectionOf(invocation, options);
  const target = await targetOf(invocation, withoutAccounts ? 'no accounts' : 'accounts');
  return collected(
    invocation,
    options,
    'checking',
    () => checkFleet(target, { selection, users, parallel, clock, random, signal }),
    async () => (users === undefined ? countSelected(target.store, selection) : undefined),
  );
}
