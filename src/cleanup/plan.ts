/** Something that a clean-up would remove, or has removed. */
export interface PlannedDeletion {
  readonly kind:
    | 'cached-database'
    | 'working-copy'
    | 'partial-file'
    | 'object'
    | 'old-version'
    | 'delete-marker'
    | 'tombstone'
    | 'user'
    | 'bucket';
  readonly name: string;
  readonly sizeBytes?: number;
  /** Since last use (cached files) or creation. */
  readonly ageSeconds?: number;
}

/** Something that could not be deleted, or a part of the deployment that could not be read. */
export interface FailedDeletion {
  readonly name: string;
  readonly reason: string;
}

/** The result of a clean-up. A dry run deletes nothing, and the plan is what would be deleted. */
export interface CleanResult {
  readonly plan: readonly PlannedDeletion[];
  readonly deletedCount: number;
  readonly deletedBytes: number;
  /** Absent if everything planned is gone. */
  readonly failed?: readonly FailedDeletion[];
  readonly dryRun: boolean;
}

/** Returns an age in seconds, never negative: clocks differ. */
export function ageSecondsOf(moment: number, now: number): number {
  return Math.max(0, Math.round((now - moment) / 1000));
}

/** Returns the result of a plan, carried out except for failures, or only made. */
export function cleanResult(
  plan: readonly PlannedDeletion[],
  dryRun: boolean,
  failed: readonly FailedDeletion[] = [],
): CleanResult {
  const failures = failed.length === 0 ? {} : { failed };
  if (dryRun) return { plan, deletedCount: 0, deletedBytes: 0, ...failures, dryRun };
  const names = new Set(failed.map(({ name }) => name));
  const deleted = plan.filter(({ name }) => !names.has(name));
  const deletedBytes = deleted.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  return { plan, deletedCount: deleted.length, deletedBytes, ...failures, dryRun };
}
