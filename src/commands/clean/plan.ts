import type { Command } from 'commander';
import type { CleanResult, FailedDeletion } from '../../cleanup/plan.ts';
import { parseAge } from '../../cli/arguments.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { formatBytes, visible } from '../../core/format.ts';

/** The options of commands that remove test data. */
export function cleanOptions(command: Command): Command {
  return command
    .option('--min-age <duration>', 'leave what is younger, such as the data of runs under way (default: 0)', parseAge)
    .option('-n, --dry-run', 'only show what would be removed');
}

/** Why a planned deletion did not happen. */
export const CHANGED = 'it was changed or removed after it was listed';

// More would push the summary off the screen. --json has all.
const FAILURES_SHOWN = 20;

function failuresOf(failed: readonly FailedDeletion[]): string[] {
  const lines = failed
    .slice(0, FAILURES_SHOWN)
    .map(({ name, reason }) => `failed: ${visible(name)}: ${visible(reason)}`);
  const more = failed.length - lines.length;
  return more === 0 ? lines : [...lines, `failed: ${more} more; --json names them all`];
}

/** Shows a plan line by line, then its outcome. */
export const cleanView = {
  table: ({ plan }) => ({
    head: ['kind', 'name', 'size', 'age'],
    rows: plan.map(({ kind, name, sizeBytes, ageSeconds }) => [
      { people: kind.replace('-', ' '), machines: kind },
      name,
      sizeBytes === undefined ? undefined : { bytes: sizeBytes },
      ageSeconds === undefined ? undefined : { seconds: ageSeconds },
    ]),
  }),
  failures: ({ failed = [] }) => failuresOf(failed),
  text: ({ plan, deletedCount, deletedBytes, failed = [], dryRun }) => {
    return [...failuresOf(failed), summary()].join('\n');

    function summary(): string {
      if (plan.length === 0) return failed.length === 0 ? 'nothing to do' : 'nothing was deleted';
      const bytes = plan.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
      return dryRun
        ? `${plan.length} to delete, ${formatBytes(bytes)}: nothing was deleted, since this is a dry run`
        : `${deletedCount} deleted, ${formatBytes(deletedBytes)}`;
    }
  },
  exitCode: ({ failed = [] }) => (failed.length === 0 ? EXIT_CODE.ok : EXIT_CODE.unavailable),
} as const satisfies View<CleanResult>;
