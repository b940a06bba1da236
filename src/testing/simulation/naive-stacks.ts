import type { AnomalyName } from '../../consistency/rules.ts';
import {
  believed,
  believingRefusals,
  DirtyCache,
  overwriting,
  type PutRequest,
  putOrNothing,
  versionOf,
  WithPut,
} from '../../consistency/sabotage.ts';
import { JavumboError } from '../../core/failure.ts';
import { bytesOf } from '../../core/file.ts';
import type { Random } from '../../core/random.ts';
import type { DatabaseStore, GetOptions, GetResult, PutOutcome } from '../../store/database-store.ts';
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
      client: believingRefusals,
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
