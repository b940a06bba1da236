import { statusOf } from '../aws/errors.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { type TestRun, testUser } from '../core/test-data.ts';
import type { DatabaseStore, DeleteOutcome, Version } from '../store/database-store.ts';
import type { DeletionKind } from '../store/tombstone.ts';

const RACERS = 8;

// How engines answer requests that they do not support.
const NOT_TAKEN = [400, 405, 501];

/** The test users whose databases a probe of deletes leaves behind. */
export const DELETION_PURPOSES: readonly string[] = [
  'deletion',
  ...Array.from({ length: RACERS }, (_, number) => `deletion-${number}`),
];

/** How an engine deletes. */
export interface DeletionProbe {
  /**
   * `compares`: it refuses a DELETE over an old version and accepts one over the current version. `ignores`: it deletes
   * whatever is stored. `refuses`: it supports no DELETE with a condition.
   */
  readonly condition: 'compares' | 'ignores' | 'refuses';
  /** The number of races between a PUT and a DELETE over one version, and how many ended with both accepted. */
  readonly races: number;
  readonly bothAccepted: number;
}

/** Returns how deletes must be made on an engine with this result. */
export function deletionKindOf({ condition, bothAccepted }: DeletionProbe): DeletionKind {
  return condition === 'compares' && bothAccepted === 0 ? 'condition' : 'tombstone';
}

/**
 * Tests how an engine deletes. `store` must send each delete as a DELETE with its condition. Leaves
 * databases of DELETION_PURPOSES. Throws `unavailable` if the store gives no clear answer.
 */
export async function probeDeletion(
  store: DatabaseStore,
  random: Random,
  run: Pick<TestRun, 'id'>,
): Promise<DeletionProbe> {
  const put = async (username: string, over: Version | undefined): Promise<Version | undefined> => {
    const condition =
      over === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'version', version: over } as const);
    const outcome = await store.put(username, Buffer.from(random.hex(64)), { condition, writes: [random.hex(16)] });
    if (outcome.kind === 'unknown') throw noAnswer(outcome.cause);
    return outcome.kind === 'committed' ? outcome.version : undefined;
  };
  const must = async (username: string, over: Version | undefined): Promise<Version> => {
    const version = await put(username, over);
    if (version === undefined) throw noAnswer();
    return version;
  };

  const [sequential = '', ...contended] = DELETION_PURPOSES.map((purpose) => testUser(run, purpose));
  const old = await must(sequential, undefined);
  const current = await must(sequential, old);
  const condition = await compares(store, sequential, old, current);

  const races = await Promise.all(
    contended.map(async (username) => {
      const base = await must(username, undefined);
      const [written, deleted] = await Promise.all([put(username, base), tryDelete(store, username, base)]);
      return written !== undefined && deleted === 'deleted';
    }),
  );
  return { condition, races: RACERS, bothAccepted: races.filter(Boolean).length };
}

async function compares(
  store: DatabaseStore,
  username: string,
  old: Version,
  current: Version,
): Promise<DeletionProbe['condition']> {
  const stale = await tryDelete(store, username, old);
  if (stale === 'refused') return 'refuses';
  if ((await store.head(username))?.version !== current) return 'ignores';
  if ((await tryDelete(store, username, current)) === 'refused') return 'refuses';
  // An engine that accepts both and does nothing does not compare either.
  return (await store.head(username)) === undefined && stale === 'conflict' ? 'compares' : 'ignores';
}

/** Returns `refused` if the engine does not support such a request. */
async function tryDelete(
  store: DatabaseStore,
  username: string,
  ifVersion: Version,
): Promise<Exclude<DeleteOutcome['kind'], 'unknown'> | 'refused'> {
  try {
    const outcome = await store.delete(username, { ifVersion });
    if (outcome.kind === 'unknown') throw noAnswer(outcome.cause);
    return outcome.kind;
  } catch (error) {
    // A missing permission is thrown: it says nothing about the engine.
    const status = statusOf(error instanceof JavumboError ? error.cause : error);
    if (status !== undefined && NOT_TAKEN.includes(status)) return 'refused';
    throw error;
  }
}

function noAnswer(cause?: Error): JavumboError {
  return new JavumboError('unavailable', 'the store gave no clear answer when deletes were tested', {
    try: 'the same command again',
    cause,
  });
}
