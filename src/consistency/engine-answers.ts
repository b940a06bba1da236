import { join } from 'node:path';
import { withTestUser } from '../bench/test-user.ts';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import type { TestRun } from '../core/test-data.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { PROBE_PURPOSES, probeConditionalWrites } from '../probes/conditional-write-probe.ts';
import type { DeletionProbe } from '../probes/deletion-probe.ts';

/** What an engine answers before any client begins. */
export interface EngineAnswers {
  /** One sentence for each promise about conditional PUTs that it broke. */
  readonly brokenPuts: readonly string[];
  /** Undefined where deletes always compare, and where the engine gave no clear answer. */
  readonly deletion: DeletionProbe | undefined;
  /** Why it gave none. */
  readonly deletionUnclear?: string;
  /** Whether the ETag of a GET is the MD5 of its body; undefined where there are no ETags. */
  readonly etagIsMd5: boolean | undefined;
}

/** Asks the engine itself, by the probes that `doctor` uses, on test users that are then removed. */
export async function askEngine(deployment: Deployment, { random }: Context, run: TestRun): Promise<EngineAnswers> {
  const [first, second] = PROBE_PURPOSES;
  const work = deployment.cache.workDirectory();
  const file = join(work.path, 'read-back');
  try {
    let brokenPuts: readonly string[] = [];
    let etagIsMd5: boolean | undefined;
    await withTestUser(deployment, run, first, () =>
      withTestUser(deployment, run, second, async () => {
        const result = await probeConditionalWrites(deployment.store, random, file, run);
        if (result.kind === 'refused') throw result.failure;
        brokenPuts = result.broken;
        if (deployment.description.kind === 'aws') etagIsMd5 = result.etagIsMd5;
      }),
    );
    return { brokenPuts, ...(await deletionOf(deployment)), etagIsMd5 };
  } finally {
    work.release();
  }
}

async function deletionOf({ tryDeletion }: Deployment): Promise<Pick<EngineAnswers, 'deletion' | 'deletionUnclear'>> {
  try {
    return { deletion: await tryDeletion?.() };
  } catch (error) {
    if (!(error instanceof JavumboError) || error.kind !== 'unavailable' || error.retryable) throw error;
    return { deletion: undefined, deletionUnclear: error.message };
  }
}
