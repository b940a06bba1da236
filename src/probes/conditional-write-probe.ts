import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errorNameOf, statusOf } from '../aws/errors.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { newRunId, type TestRun, testUser } from '../core/test-data.ts';
import type { DatabaseStore, PutCondition, PutOutcome, Version } from '../store/database-store.ts';

const RACERS = 8;

/** The test users whose databases a probe leaves behind. */
export const PROBE_PURPOSES = ['probe', 'race'] as const;

/** `refused`: permanently, before anything could be tried, which says nothing about what the store compares. */
export type ProbeResult =
  | { readonly kind: 'refused'; readonly failure: JavumboError }
  /** One sentence per broken promise; empty if the store seems safe. */
  | {
      readonly kind: 'tried';
      readonly broken: readonly string[];
      /** Whether an ETag is the MD5 of the bytes; undefined where no update was accepted. */
      readonly etagIsMd5?: boolean | undefined;
    };

/**
 * Tests a store with puts that it must refuse, one after another and in parallel, and reads back what it accepted
 * into the file `readTo`. Leaves the databases of PROBE_PURPOSES. Throws `unavailable` if the store gives no
 * clear answer.
 */
export async function probeConditionalWrites(
  store: DatabaseStore,
  random: Random,
  readTo: string | undefined,
  run: Pick<TestRun, 'id'> = { id: newRunId(random) },
): Promise<ProbeResult> {
  const sequential = testUser(run, PROBE_PURPOSES[0]);
  // Different bytes each time, so that no two writes share a version.
  const made = (): Written => ({
    bytes: Buffer.from(random.hex(64)),
    writes: [random.hex(16)],
    digest: random.hex(16),
  });
  const put = (username: string, condition: PutCondition, { bytes, ...sent } = made()): Promise<PutOutcome> =>
    store.put(username, bytes, { condition, ...sent });

  const first = await put(sequential, { kind: 'absent' }).catch((error: unknown) => {
    // A permanent refusal of the first write will repeat for all; an unreachable store says nothing.
    if (error instanceof JavumboError && error.kind === 'unavailable' && !error.retryable) return error;
    throw error;
  });
  if (first instanceof JavumboError) {
    const reply = refusedCondition(first);
    if (reply === undefined) return { kind: 'refused', failure: first };
    return { kind: 'tried', broken: [`a create that asks for nothing to be there is refused (${reply})`] };
  }
  const findings: string[] = [];
  let etagIsMd5: boolean | undefined;
  if (committed(await put(sequential, { kind: 'absent' }))) findings.push('a create over what exists is accepted');
  const base = (await store.head(sequential))?.version ?? versionOf(first);
  const written = made();
  let second: PutOutcome;
  try {
    second = await put(sequential, { kind: 'version', version: base }, written);
  } catch (error) {
    const reply = refusedCondition(error);
    if (reply === undefined) throw error;
    return { kind: 'tried', broken: [...findings, `an update that names the current version is refused (${reply})`] };
  }
  const weak = base.startsWith('W/') ? ', for its ETags are weak' : '';
  if (!committed(second)) findings.push(`an update over the current version is refused${weak}`);
  else if (readTo !== undefined) {
    findings.push(...(await readBack(store, sequential, readTo, written, versionOf(second))));
    etagIsMd5 = createHash('md5').update(written.bytes).digest('hex') === versionOf(second);
  }
  if (committed(await put(sequential, { kind: 'version', version: base }))) {
    findings.push('an update over an old version is accepted');
  }

  const contended = testUser(run, PROBE_PURPOSES[1]);
  // Nothing was stored there yet, and a database that was deleted must not come back.
  const overNothing = await put(contended, { kind: 'version', version: base });
  if (committed(overNothing)) findings.push('an update over nothing is accepted');
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
  return { kind: 'tried', broken: findings, etagIsMd5 };
}

interface Written {
  readonly bytes: Buffer;
  readonly writes: readonly string[];
  readonly digest: string;
}

/** Compares what a store returns with what it accepted: bytes, length, metadata and version. */
async function readBack(
  store: DatabaseStore,
  username: string,
  destination: string,
  { bytes: sent, writes, digest }: Written,
  version: Version,
): Promise<string[]> {
  let found: Awaited<ReturnType<DatabaseStore['get']>>;
  try {
    found = await store.get(username, destination);
  } catch (error) {
    // A reply that lacks what every reply must have; an unreachable store says nothing.
    if (!(error instanceof JavumboError) || error.kind !== 'unavailable' || error.cause !== undefined) throw error;
    return [`what was written cannot be read back (${error.message})`];
  }
  if (found.kind !== 'found') return ['what was written is not there afterwards'];
  const stored = readFileSync(destination);
  const head = await store.head(username);
  return [
    ...(sent.equals(stored) ? [] : ['what was written reads back as other bytes']),
    ...(found.sizeBytes === sent.length && head?.sizeBytes === sent.length ? [] : ['its length is another']),
    ...(found.writes[0] === writes[0] && found.digest === digest && head?.writes[0] === writes[0]
      ? []
      : ['its metadata is lost']),
    ...(found.version === version && head?.version === version ? [] : ['its ETag is not the one of the reply']),
  ];
}

// How engines answer a header that they do not know.
const NOT_UNDERSTOOD = new Set([
  'BadRequest',
  'InvalidArgument',
  'InvalidHeader',
  'InvalidRequest',
  'NotImplemented',
  'NotSupported',
  'UnsupportedOperation',
]);

/** Returns how a condition itself was refused, whatever is stored; undefined for any other failure. */
function refusedCondition(error: unknown): string | undefined {
  if (!(error instanceof JavumboError) || error.kind !== 'unavailable' || error.retryable) return undefined;
  const [status, name] = [statusOf(error.cause), errorNameOf(error.cause)];
  if (status !== 501 && status !== 405 && !NOT_UNDERSTOOD.has(name)) return undefined;
  return `${status} ${name}`;
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
