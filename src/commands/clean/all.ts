import type { Command } from 'commander';
import { type CleanResult, cleanResult, type PlannedDeletion } from '../../cleanup/plan.ts';
import type { Execute, Invocation } from '../../cli/execute.ts';
import { JavumboError } from '../../failure.ts';
import { TEST_USER_PREFIX } from '../../test-data.ts';
import { cleanS3 } from './s3.ts';
import { cleanCache, MAX_AGE_DEFAULT_MS, TARGET_SIZE_DEFAULT_BYTES } from './tmp.ts';
import { cleanUsers } from './users.ts';
import { cleanView } from './view.ts';

interface AllOptions {
  readonly dryRun?: boolean;
}

export function registerCleanAll(parent: Command, execute: Execute): void {
  const command = parent
    .command('all')
    .description('remove whatever test runs have left: objects with all their versions, accounts, cached files')
    .option('--dry-run', 'only show what would be removed')
    .addHelpText('after', '\nExample:\n  $ javumbo clean all --dry-run');
  command.action((options: AllOptions) => execute(command, (invocation) => cleanAll(invocation, options), cleanView));
}

export async function cleanAll(invocation: Invocation, { dryRun = false }: AllOptions): Promise<CleanResult> {
  const limits = {
    ageMaxMs: MAX_AGE_DEFAULT_MS,
    bytesMax: TARGET_SIZE_DEFAULT_BYTES,
    always: ({ name }: { readonly name: string }) => name.startsWith(TEST_USER_PREFIX),
  };
  const parts: readonly (() => Promise<CleanResult>)[] = [
    () => cleanS3(invocation, { versions: true, dryRun }),
    () => cleanUsersWhereThereAreAny(invocation, dryRun),
    // Last: deleting databases takes them out of the cache, too.
    () => cleanCache(invocation, limits, dryRun),
  ];
  const plan: PlannedDeletion[] = [];
  const failures: unknown[] = [];
  // What cannot be reached does not keep the rest from being cleaned.
  for (const part of parts) {
    try {
      plan.push(...(await part()).plan);
    } catch (error) {
      if (error instanceof JavumboError && error.kind === 'interrupted') throw error;
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return cleanResult(plan, dryRun);
}

/** A deployment without a user table has no accounts to clean: a bucket at an engine, say. */
async function cleanUsersWhereThereAreAny(invocation: Invocation, dryRun: boolean): Promise<CleanResult> {
  try {
    return await cleanUsers(invocation, { dryRun });
  } catch (error) {
    if (!(error instanceof JavumboError) || (error.kind !== 'usage' && error.kind !== 'not-found')) throw error;
    invocation.note(`note: accounts were not looked at: ${error.message}`);
    return cleanResult([], dryRun);
  }
}
