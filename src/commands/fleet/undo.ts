import type { Command } from 'commander';
import { formatCount } from '../../core/format.ts';
import { countsText } from '../backup/outcomes.ts';
import type { Execute, Invocation } from '../execute.ts';
import { fleetOptions, type OutputOptions, targetOf } from './options.ts';
import { collected, type FleetReport, fleetView } from './output.ts';

interface UndoOptions extends OutputOptions {
  readonly parallel: number;
  readonly yes?: boolean;
}

export function registerFleetUndo(parent: Command, execute: Execute): void {
  const command = parent
    .command('undo <journal>')
    .description('make databases what they were before a fleet exec or import, where nobody changed them since')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ javumbo fleet undo journal.jsonl');
  fleetOptions(command).action((journal: string, options: UndoOptions) =>
    execute(
      command,
      (invocation) => fleetUndo(invocation, journal, options),
      fleetView<FleetReport>(options, { rest: () => ({ journal }), summary: ({ counts }) => countsText(counts) }),
    ),
  );
}

export async function fleetUndo(invocation: Invocation, journal: string, options: UndoOptions): Promise<FleetReport> {
  const { parallel, yes = false } = options;
  const { undoFleet } = await import('../../fleet/undo.ts');
  const { context } = invocation;
  const { clock, signal } = context;
  const target = await targetOf(invocation, 'no accounts');
  return collected(invocation, options, 'bringing back', (progress) => {
    const decide = async (users: number): Promise<void> => {
      progress.done();
      const { confirm } = await import('../../cli/prompt.ts');
      await confirm(context, {
        what: `This makes up to ${formatCount(users, 'database')} what they were before, unless they changed since`,
        word: target.deployment.bucket ?? 'local',
        yes,
        look: 'javumbo db diff <username> for some of them',
        spared: 'nothing was changed',
      });
    };
    return undoFleet(target, { journal, parallel, clock, signal, decide });
  });
}
