import type { Command } from 'commander';
import {
  ageSecondsOf,
  type CleanResult,
  cleanResult,
  type FailedDeletion,
  type PlannedDeletion,
} from '../../cleanup/plan.ts';
import { JavumboError, messageOf } from '../../core/failure.ts';
import { TEST_USER_PREFIX } from '../../core/test-data.ts';
import type { Execute, Invocation } from '../execute.ts';
import { cleanOptions, cleanView } from './plan.ts';
import { cleanS3 } from './s3.ts';
import { cleanCache, MAX_AGE_DEFAULT_MS, TARGET_SIZE_DEFAULT_BYTES } from './tmp.ts';
import { cleanUsers } from './users.ts';

interface AllOptions {
  readonly minAge?: number;
  readonly dryRun?: boolean;
}

export function registerCleanAll(parent: Command, execute: Execute): void {
  const command = parent
    .command('all')
    .description(
      'remove all that test runs and killed commands left: objects with all versions, accounts, files, buckets',
    )
    .addHelpText('after', '\nExample:\n  $ javumbo clean all --dry-run');
  cleanOptions(command).action((options: AllOptions) =>
    execute(command, (invocation) => cleanAll(invocation, options), cleanView),
  );
}

export async function cleanAll(
  invocation: Invocation,
  { minAge = 0, dryRun = false }: AllOptions,
): Promise<CleanResult> {
  const limits = {
    ageMaxMs: MAX_AGE_DEFAULT_MS,
    bytesMax: TARGET_SIZE_DEFAULT_BYTES,
    always: ({ name }: { readonly name: string }) => name.startsWith(TEST_USER_PREFIX),
  };
  const parts: readonly { readonly name: string; readonly clean: () => Promise<CleanResult> }[] = [
    { name: 'objects', clean: () => cleanS3(invocation, { versions: true, minAge, dryRun }) },
    { name: 'accounts', clean: () => cleanUsersWhereThereAreAny(invocation, minAge, dryRun) },
    { name: 'scratch buckets', clean: () => cleanScratchBuckets(invocation, minAge, dryRun) },
    // Last, because deleting databases also removes them from the cache.
    { name: 'cached files', clean: () => cleanCache(invocation, limits, dryRun) },
  ];
  const plan: PlannedDeletion[] = [];
  const failed: FailedDeletion[] = [];
  // One unreachable part must not keep the rest from being cleaned.
  for (const { name, clean } of parts) {
    try {
      const result = await clean();
      for (const planned of result.plan) plan.push(planned);
      for (const failure of result.failed ?? []) failed.push(failure);
    } catch (error) {
      if (!(error instanceof JavumboError) || error.kind === 'interrupted') throw error;
      failed.push({ name, reason: error.message });
    }
  }
  return cleanResult(plan, dryRun, failed);
}

/** Cleans accounts, if the deployment has a user table: a bucket at an engine may have none. */
async function cleanUsersWhereThereAreAny(
  invocation: Invocation,
  minAge: number,
  dryRun: boolean,
): Promise<CleanResult> {
  try {
    return await cleanUsers(invocation, { minAge, dryRun });
  } catch (error) {
    if (!(error instanceof JavumboError) || (error.kind !== 'usage' && error.kind !== 'not-found')) throw error;
    invocation.note(`note: accounts were not examined: ${error.message}`);
    return cleanResult([], dryRun);
  }
}

/** Removes the buckets in which `deployment create` tries settings, where it was killed meanwhile. */
async function cleanScratchBuckets(
  { config, context }: Invocation,
  minAge: number,
  dryRun: boolean,
): Promise<CleanResult> {
  const { openScratchBuckets } = await import('../../provisioning/resources.ts');
  const buckets = await openScratchBuckets(config, context);
  if (buckets === undefined) return cleanResult([], dryRun);
  try {
    const now = context.clock.now();
    const left = await buckets.list();
    const due = left.filter(({ name, createdAt }) => name !== config.bucket.value && now - createdAt >= minAge);
    const plan = due.map(({ name, createdAt }): PlannedDeletion => {
      return { kind: 'bucket', name, ageSeconds: ageSecondsOf(createdAt, now) };
    });
    const failed: FailedDeletion[] = [];
    for (const { name } of dryRun ? [] : due) {
      try {
        await buckets.remove(name);
      } catch (error) {
        failed.push({ name, reason: messageOf(error) });
      }
    }
    return cleanResult(plan, dryRun, failed);
  } finally {
    buckets.close();
  }
}
