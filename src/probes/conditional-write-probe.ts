import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { newRunId, type TestRun, testUser } from '../core/test-data.ts';
import type { DatabaseStore, PutCondition, PutOutcome } from '../store/database-store.ts';

const RACERS = 8;

/** The test users that a probe leaves databases of. */
export const PROBE_PURPOSES = ['probe', 'race'] as const;

/** `refused`: for good, and before anything could be tried, so that it says nothing about what the store compares. */
export type ProbeResult =
  | { readonly kind: 'refused'; readonly failure: JavumboError }
  /** A sentence for each promise that it broke; none: it is safe as far as that shows. */
  | { readonly kind: 'tried'; readonly broken: readonly string[] };

/**
 * Whether a store compares as it must: puts that have to be refused are tried, one after the other and at once. Leaves the databases of PROBE_PURPOSES in the store.
 * `directory` is where the files to put may be written. Throws `unavailable` when the store gave no clear answer.
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
    // Other bytes each time, so that no two writes have one version.
    writeFileSync(file, random.hex(64));
    return store.put(username, file, { condition, writes: [random.hex(16)] });
  };

  const first = await put(sequential, { kind: 'absent' }).catch((error: unknown) => {
    // A store that refuses the first write for good will refuse all of them; one that is out of reach says nothing.
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
