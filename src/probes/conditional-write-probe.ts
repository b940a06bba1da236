import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { newRunId, type TestRun, testUser } from '../core/test-data.ts';
import type { DatabaseStore, PutCondition, PutOutcome } from '../store/database-store.ts';

const RACERS = 8;

/** The test users whose databases a probe leaves behind. */
export const PROBE_PURPOSES = ['probe', 'race'] as const;

/** `refused`: permanently, before anything could be tried, which says nothing about what the store compares. */
export type ProbeResult =
  | { readonly kind: 'refused'; readonly failure: JavumboError }
  /** One sentence per broken promise; empty if the store seems safe. */
  | { readonly kind: 'tried'; readonly broken: readonly string[] };

/**
 * Tests a store with puts that it must refuse, one after another and in parallel. Writes files into `directory` and
 * leaves the databases of PROBE_PURPOSES. Throws `unavailable` if the store gives no clear answer.
 */
export async function probeConditionalWrites(
  store: DatabaseStore,
  directory: string,
  random: Random,
  run: Pick<TestRun, 'id'> = { id: newRunId(random) },
): Promise<ProbeResult> {
  const sequential = testUser(run, PROBE_PURPOSES[0]);
  let files = 0;
  const put = async (username: string, condition: PutCondition): Promise<PutOutcome> => {
    const file = join(directory, `probe-${files++}`);
    // Different bytes each time, so that no two writes share a version.
    writeFileSync(file, random.hex(64));
    return store.put(username, file, { condition, writes: [random.hex(16)] });
  };

  const first = await put(sequential, { kind: 'absent' }).catch((error: unknown) => {
    // A permanent refusal of the first write will repeat for all; an unreachable store says nothing.
    if (error instanceof JavumboError && error.kind === 'unavailable' && !error.retryable) return error;
    throw error;
  });
  if (first instanceof JavumboError) return { kind: 'refused', failure: first };
  const findings: string[] = [];
  if (committed(await put(sequential, { kind: 'absent' }))) findings.push('a create over what exists is accepted');
  const base = (await store.head(sequential))?.version ?? versionOf(first);
  const second = await put(sequential, { kind: 'version', version: base });
  if (second.kind === 'conflict') findings.push('an update over the current version is refused');
  if (committed(await put(sequential, { kind: 'version', version: base }))) {
    findings.push('an update over an old version is accepted');
  }

  const contended = testUser(run, PROBE_PURPOSES[1]);
  const race = async (condition: PutCondition): Promise<number> => {
    const outcomes = await Promise.all(Array.from({ length: RACERS }, () => put(contended, condition)));
    return outcomes.filter(committed).length;
  };
  const creators = await race({ kind: 'absent' });
  if (creators > 1) findings.push(`${creators} of ${RACERS} creates at once are accepted`);
  const current = await store.head(contended);
  if (current !== undefined) {
    const writers = await race({ kind: 'version', version: current.version });
    if (writers > 1) findings.push(`${writers} of ${RACERS} updates at once over one version are accepted`);
  }
  return { kind: 'tried', broken: findings };
}

function committed(outcome: PutOutcome): boolean {
  return outcome.kind === 'committed';
}

function versionOf(outcome: PutOutcome): string {
  if (outcome.kind === 'committed') return outcome.version;
  throw new JavumboError('unavailable', 'the store did not accept the first write of the probe', {
    try: 'the same command again',
    cause: outcome.kind === 'unknown' ? outcome.cause : undefined,
  });
}
