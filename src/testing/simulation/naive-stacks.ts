import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { AnomalyName } from '../../consistency/rules.ts';
import { JavumboError } from '../../core/failure.ts';
import { bytesOf, type Content } from '../../core/file.ts';
import type { Random } from '../../core/random.ts';
import type { RetriesOptions } from '../../core/retry.ts';
import type {
  DatabaseStore,
  DeleteOptions,
  DeleteOutcome,
  GetOptions,
  GetResult,
  ListPage,
  PutOptions,
  PutOutcome,
  StoredDatabase,
  Trace,
} from '../../store/database-store.ts';
import { RetryingDatabaseStore } from '../../store/retrying-store.ts';
import type { SetClock } from './settable-clock.ts';
import type { Stack } from './simulate.ts';

/** A plausible but wrong way to store databases, and its consequence. */
export interface NaiveStack {
  readonly name: string;
  readonly stack: Stack;
  /** Its characteristic anomaly, whatever others follow. */
  readonly caughtBy: AnomalyName;
  /** The profile in which it shows, if not in most. */
  readonly profile?: string | undefined;
}

const retrying: Stack['client'] = (network, options) => new RetryingDatabaseStore(network, options);

/** A client that resends puts, and treats their outcomes like `put`. */
const sending =
  (put: (network: DatabaseStore, request: PutRequest, attempt: number) => Promise<PutOutcome | 'again'>) =>
  (network: DatabaseStore, options: RetriesOptions): DatabaseStore =>
    new WithPut(new RetryingDatabaseStore(network, options), async (request) => {
      const attemptsMax = options.policy?.attemptsMax ?? 1;
      for (let attempt = 1; attempt <= attemptsMax; attempt++) {
        const outcome = await put(network, request, attempt);
        if (outcome !== 'again') return outcome;
        await options.clock.sleep(20);
      }
      throw new JavumboError('unavailable', 'no answer', { retryable: true });
    });

export const NAIVE_STACKS: readonly NaiveStack[] = [
  {
    name: 'a put that ignores its condition',
    stack: { engine: overwriting, client: retrying },
    caughtBy: 'lost',
  },
  {
    name: 'HEAD, compare, and then a put without a condition',
    stack: {
      engine: overwriting,
      client: (network, options) => new RetryingDatabaseStore(new WithPut(network, headThenPut(network)), options),
    },
    caughtBy: 'lost',
  },
  {
    name: 'a refusal after a lost reply is believed',
    stack: {
      client: sending(async (network, request) => {
        const outcome = await putOrNothing(network, request);
        return outcome === undefined || outcome.kind === 'unknown' ? 'again' : believed(outcome);
      }),
    },
    caughtBy: 'doubled',
  },
  {
    name: 'a refusal is believed',
    stack: {
      client: (network, options) => {
        const sound = new RetryingDatabaseStore(network, options);
        return new WithPut(sound, async (request) => believed(await sound.put(...request)));
      },
    },
    caughtBy: 'doubled',
    profile: 'repeated requests',
  },
  {
    name: 'what was turned away did not happen',
    stack: {
      client: (network, options) => {
        const sound = new RetryingDatabaseStore(network, options);
        return new WithPut(sound, async (request) => {
          const outcome = await putOrNothing(network, request);
          if (outcome === undefined) throw new JavumboError('unavailable', 'slow down', { retryable: true });
          return outcome.kind === 'unknown' ? sound.put(...request) : outcome;
        });
      },
    },
    caughtBy: 'denied',
    profile: 'repeated requests',
  },
  {
    name: 'a create in doubt is sent again after a while',
    stack: {
      client: (network, options) => {
        const sound = new RetryingDatabaseStore(network, options);
        return new WithPut(sound, async (request) => {
          if (request[2].condition.kind !== 'absent') return sound.put(...request);
          const outcome = await putOrNothing(network, request);
          if (outcome !== undefined && outcome.kind !== 'unknown') return outcome;
          await options.clock.sleep(60);
          return sound.put(...request);
        });
      },
    },
    caughtBy: 'resurrected',
    profile: 'creates and deletes',
  },
  {
    name: 'a DELETE on an engine that does not compare',
    stack: { engine: deletingWhateverIsThere, client: retrying },
    caughtBy: 'forked',
    profile: 'deletes',
  },
  {
    name: 'commits of equal bytes have equal versions',
    stack: { client: retrying, random: withoutUniqueCounters },
    caughtBy: 'forked',
    profile: 'restores',
  },
  {
    name: 'bytes are believed as they come',
    stack: { client: (network, options) => new WithoutDigests(new RetryingDatabaseStore(network, options)) },
    caughtBy: 'phantom',
    profile: 'damage',
  },
  {
    name: 'an entry is as old as the wall clock says',
    stack: { client: retrying, clock: (clock) => new WallClockAlone(clock) },
    caughtBy: 'stale-read',
    profile: 'clocks that are set',
  },
  {
    name: 'a lost reply is a success',
    stack: {
      client: (network, options) => {
        const sound = new RetryingDatabaseStore(network, options);
        return new WithPut(sound, async (request) => {
          const outcome = await network.put(...request);
          if (outcome.kind !== 'unknown') return outcome;
          return { kind: 'committed', version: versionOf(await bytesOf(request[1])) };
        });
      },
    },
    caughtBy: 'lost',
  },
  {
    name: 'unknown is a conflict',
    stack: {
      client: (network, options) => {
        const sound = new RetryingDatabaseStore(network, options);
        return new WithPut(sound, async (request) => {
          const outcome = await sound.put(...request);
          if (outcome.kind !== 'unknown') return outcome;
          // As from a look, or the session would look itself.
          return { kind: 'conflict', reason: 'changed', seen: await sound.trace(request[0]) };
        });
      },
    },
    caughtBy: 'denied',
    profile: 'no patience',
  },
  {
    name: 'a failed put leaves its file in the cache',
    stack: { client: (network, options) => new DirtyCache(new RetryingDatabaseStore(network, options)) },
    caughtBy: 'dirty-read',
  },
  {
    name: 'what was deleted is made again',
    stack: {
      client: (network, options) => {
        const sound = new RetryingDatabaseStore(network, options);
        return new WithPut(sound, async ([username, source, { condition, writes }]) => {
          const outcome = await sound.put(username, source, { condition, writes });
          if (outcome.kind !== 'conflict' || outcome.reason !== 'deleted') return outcome;
          return sound.put(username, source, { condition: { kind: 'absent' }, writes });
        });
      },
    },
    caughtBy: 'resurrected',
    profile: 'deletes',
  },
];

type PutRequest = [username: string, source: Content, options: PutOptions];

/** A store with another `put`. */
class WithPut implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #put: (request: PutRequest) => Promise<PutOutcome>;

  constructor(inner: DatabaseStore, put: (request: PutRequest) => Promise<PutOutcome>) {
    this.#inner = inner;
    this.#put = put;
  }

  put(...request: PutRequest): Promise<PutOutcome> {
    return this.#put(request);
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#inner.get(username, destination, options);
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#inner.head(username);
  }

  trace(username: string): Promise<Trace> {
    return this.#inner.trace(username);
  }

  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    return this.#inner.delete(username, options);
  }

  list(from?: string): Promise<ListPage> {
    return this.#inner.list(from);
  }
}

/** S3 before `If-Match`. No one else runs between look and write. */
function overwriting(memory: DatabaseStore): DatabaseStore {
  return new WithPut(memory, async ([username, source, { writes }]) => {
    const version = (await memory.head(username))?.version;
    return memory.put(username, source, {
      condition: version === undefined ? { kind: 'absent' } : { kind: 'version', version },
      writes,
    });
  });
}

function headThenPut(network: DatabaseStore): (request: PutRequest) => Promise<PutOutcome> {
  return async ([username, source, options]) => {
    const current = await network.head(username);
    const expected = options.condition.kind === 'version' ? options.condition.version : undefined;
    if (current?.version !== expected) {
      return { kind: 'conflict', reason: current === undefined ? 'deleted' : 'changed' };
    }
    return network.put(username, source, options);
  };
}

/** Undefined if the store was too busy. */
async function putOrNothing(network: DatabaseStore, request: PutRequest): Promise<PutOutcome | undefined> {
  try {
    return await network.put(...request);
  } catch (error) {
    if (error instanceof JavumboError && error.retryable) return undefined;
    throw error;
  }
}

function versionOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Claims that someone looked. */
function believed(outcome: PutOutcome): PutOutcome {
  if (outcome.kind !== 'conflict') return outcome;
  return { ...outcome, seen: { kind: 'database', version: 'another', writes: [], sizeBytes: 1, lastModified: 0 } };
}

/** Ceph RGW 16. */
function deletingWhateverIsThere(memory: DatabaseStore): DatabaseStore {
  return {
    get: (...call) => memory.get(...call),
    head: (...call) => memory.head(...call),
    trace: (...call) => memory.trace(...call),
    put: (...call) => memory.put(...call),
    list: (...call) => memory.list(...call),
    delete: (username) => memory.delete(username),
  };
}

/** Gives all commits the same change counters. */
function withoutUniqueCounters(random: Random): Random {
  return { fraction: () => random.fraction(), hex: (bytes) => (bytes === 4 ? '00000001' : random.hex(bytes)) };
}

/** Stores no digest. */
class WithoutDigests extends WithPut {
  constructor(sound: DatabaseStore) {
    super(sound, ([username, source, { condition, writes }]) => sound.put(username, source, { condition, writes }));
  }

  override async get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    const result = await super.get(username, destination, options);
    return result.kind === 'found' ? { ...result, digest: undefined } : result;
  }
}

/** A clock on which setting it leaves no trace. */
class WallClockAlone implements SetClock {
  readonly #clock: SetClock;

  constructor(clock: SetClock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.now();
  }

  sleep(milliseconds: number): Promise<void> {
    return this.#clock.sleep(milliseconds);
  }

  set(random: Random): void {
    this.#clock.set(random);
  }
}

/** Once shows its machine bytes that the store did not accept. */
class DirtyCache extends WithPut {
  #dirty: { readonly bytes: Buffer; readonly writes: readonly string[] } | undefined;

  constructor(sound: DatabaseStore) {
    super(sound, async (request) => {
      const [, source, { writes }] = request;
      const bytes = await bytesOf(source);
      this.#dirty = { bytes, writes };
      const outcome = await sound.put(...request);
      if (outcome.kind === 'committed') this.#dirty = undefined;
      return outcome;
    });
  }

  override async get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    if (this.#dirty === undefined) return super.get(username, destination, options);
    const { bytes, writes } = this.#dirty;
    this.#dirty = undefined;
    await writeFile(destination, bytes);
    return { kind: 'found', version: versionOf(bytes), writes, sizeBytes: bytes.length, lastModified: 0 };
  }
}
