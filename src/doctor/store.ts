import { join } from 'node:path';
import { isAccessDenied } from '../aws/errors.ts';
import { withTestUser } from '../bench/test-user.ts';
import type { Context } from '../core/context.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { type TestRun, testUser } from '../core/test-data.ts';
import { keyOf } from '../core/username.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { listAll, type ObjectVersions } from '../history/object-versions.ts';
import { PROBE_PURPOSES, type ProbeResult, probeConditionalWrites } from '../probes/conditional-write-probe.ts';
import { UnsafeStores } from '../probes/unsafe-stores.ts';
import { type Finding, ok, unsafe, warning } from './finding.ts';

const ID = 'conditional-writes';
const OTHER_HOME = 'a directory that you can write to, in JAVUMBO_HOME';

/**
 * Tests whether the real store compares as it must, on two test databases that are then removed. Records the verdict on
 * this machine: an unsafe store is not written to until it is found sound.
 */
export async function examineStore(
  deployment: Deployment,
  sources: Pick<Context, 'clock' | 'random'>,
  run: TestRun,
): Promise<Finding[]> {
  const records = new UnsafeStores(deployment.config.home.value);
  const before = records.find(deployment.identity);
  let tried: Tried;
  try {
    tried = await tryStore(deployment, sources, run);
  } catch (error) {
    // Nothing new was found, so the earlier verdict stands and writes stay refused.
    if (before === undefined || !isAccessDenied(error)) throw error;
    const message = `${messageOf(error)}; it was unsafe on ${before.foundAt.slice(0, 10)}: ${before.findings.join('; ')}`;
    return [unsafe(ID, message, 'credentials that may put, get, list and delete objects, and javumbo doctor again')];
  }
  return [
    verdictOn(deployment, sources, records, tried),
    listingFinding(tried.unlisted),
    ...leftBehind(run, tried.left),
  ].flat();
}

/** What the probe showed, and why its test data may remain; undefined if it is gone. */
interface Tried {
  readonly broken: readonly string[];
  readonly etagIsMd5: boolean | undefined;
  /** What the lists that clean-up works by do not show, or show besides. */
  readonly unlisted: readonly string[];
  readonly left?: unknown;
}

async function tryStore(deployment: Deployment, { random }: Pick<Context, 'random'>, run: TestRun): Promise<Tried> {
  const { store, cache } = deployment;
  const [first, second] = PROBE_PURPOSES;
  // A missing store is reported before any data is created. An unreadable one is tried: only the reply to a put shows
  // whether the credentials lack a permission or are invalid.
  await store.head(testUser(run, first)).catch((error: unknown) => {
    if (!isAccessDenied(error)) throw error;
  });
  const work = cache.workDirectory();
  const seen: { result?: ProbeResult; unlisted?: readonly string[] } = {};
  let left: unknown;
  try {
    await withTestUser(deployment, run, first, () =>
      withTestUser(deployment, run, second, async () => {
        seen.result = await probeConditionalWrites(store, random, join(work.path, 'read-back'), run);
        if ((await store.head(testUser(run, first))) === undefined) return;
        seen.unlisted = await tryLists(await deployment.testObjects(), keyOf(testUser(run, first)));
      }),
    );
  } catch (error) {
    // The result counts, whatever happens to the test data.
    if (seen.result === undefined) throw error;
    left = error;
  } finally {
    work.release();
  }
  const { result } = seen;
  if (result === undefined) throw new JavumboError('internal', 'the probe ended without a result');
  if (result.kind === 'refused') throw result.failure;
  return { broken: result.broken, etagIsMd5: result.etagIsMd5, unlisted: seen.unlisted ?? [], left };
}

/** Lists what the probe left under its key, as clean-up does. */
async function tryLists(objects: ObjectVersions, key: string): Promise<string[]> {
  const found: string[] = [];
  for (const versions of [false, true]) {
    const what = versions ? 'a list with versions' : 'a list';
    try {
      const listed = await listAll(objects, key, versions);
      if (!listed.some((each) => each.key === key)) found.push(`${what} does not show what is stored`);
    } catch (error) {
      // The removal of the test data says what a denied list means.
      if (!(error instanceof JavumboError) || isAccessDenied(error) || error.retryable) continue;
      found.push(`${what} cannot be relied on (${error.message})`);
    }
  }
  return found;
}

function listingFinding(unlisted: readonly string[]): Finding[] {
  if (unlisted.length === 0) return [];
  const hint = 'another store: a clean-up removes only what such a list shows';
  return [warning('lists', unlisted.join('; '), hint)];
}

function verdictOn(
  { identity, description }: Deployment,
  { clock, random }: Pick<Context, 'clock' | 'random'>,
  records: UnsafeStores,
  { broken: findings, etagIsMd5 }: Tried,
): Finding {
  let unrecorded: string | undefined;
  try {
    if (findings.length === 0) records.forget(identity);
    else records.record(identity, { store: identity, foundAt: new Date(clock.now()).toISOString(), findings }, random);
  } catch (error) {
    unrecorded = `that could not be recorded: ${messageOf(error)}`;
  }
  if (findings.length === 0) {
    const etags = etagIsMd5 && description.kind === 'aws' ? '; its ETags are MD5' : '';
    const sound = `writes that conflict are refused, also eight at once${etags}`;
    return unrecorded === undefined ? ok(ID, sound) : warning(ID, `${sound}; ${unrecorded}`, OTHER_HOME);
  }
  const lost = `writers cannot rely on it: ${findings.join('; ')}`;
  return unrecorded === undefined
    ? unsafe(
        ID,
        `${lost}; from now on this machine writes nothing there`,
        'another store that compares, or on Ceph 16 a bucket without versioning; then javumbo doctor again',
      )
    : unsafe(ID, `${lost}; ${unrecorded}`, OTHER_HOME);
}

function leftBehind({ id }: TestRun, left: unknown): Finding[] {
  if (left === undefined) return [];
  const message = `test data of run ${id} may be left: ${messageOf(left)}`;
  return [warning('test-data', message, 'javumbo clean s3 --versions, with credentials that may delete objects')];
}
