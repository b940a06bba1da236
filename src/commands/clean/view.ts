import type { CleanResult, PlannedDeletion } from '../../cleanup/plan.ts';
import { formatAge, formatBytes } from '../../cli/format.ts';
import type { View } from '../../cli/print.ts';

/** A plan line by line, and what became of it. */
export const cleanView = {
  table: ({ plan }, audience) => ({
    head: ['kind', 'name', 'size', 'age'],
    right: [2, 3],
    rows: plan.map((planned) => row(planned, audience)),
  }),
  text: ({ plan, deletedCount, deletedBytes, dryRun }) => {
    if (plan.length === 0) return 'nothing to do';
    const bytes = plan.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    return dryRun
      ? `${plan.length} to delete, ${formatBytes(bytes)}: nothing was deleted, for this is a dry run`
      : `${deletedCount} deleted, ${formatBytes(deletedBytes)}`;
  },
} as const satisfies View<CleanResult>;

function row({ kind, name, sizeBytes, ageSeconds }: PlannedDeletion, audience: 'people' | 'machines'): string[] {
  if (audience === 'machines') return [kind, name, String(sizeBytes ?? ''), String(ageSeconds ?? '')];
  return [
    kind.replace('-', ' '),
    name,
    sizeBytes === undefined ? '' : formatBytes(sizeBytes),
    ageSeconds === undefined ? '' : formatAge(ageSeconds * 1000),
  ];
}
