/** One thing that a clean-up would remove, or has removed. */
export interface PlannedDeletion {
  readonly kind: 'cached-database' | 'working-copy' | 'object' | 'old-version' | 'delete-marker' | 'tombstone' | 'user';
  readonly name: string;
  readonly sizeBytes?: number;
  /** Since it was last used (cached files) or made. */
  readonly ageSeconds?: number;
}

/** What could not be deleted, or a part of the deployment that could not be looked at. */
export interface FailedDeletion {
  readonly name: string;
  readonly reason: string;
}

/** What every clean-up reports. In a dry run nothing is deleted, and the plan is what would be. */
export interface CleanResult {
  readonly plan: readonly PlannedDeletion[];
  readonly deletedCount: number;
  readonly deletedBytes: number;
  /** Absent where everything that was planned is gone. */
  readonly failed?: readonly FailedDeletion[];
  readonly dryRun: boolean;
}

/** The age of something, in seconds and never negative: clocks differ. */
export function ageSecondsOf(moment: number, now: number): number {
  return Math.max(0, Math.round((now - moment) / 1000));
}

/** The result of a plan that was carried out but for what failed, or of one that was only drawn up. */
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
