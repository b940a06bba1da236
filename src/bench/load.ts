import type { Clock } from '../core/clock.ts';
import { CONNECTIONS_MAX } from '../core/connections.ts';
import { type FailureKind, JavumboError, messageOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { countsSince, type RequestCounts } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { FigureNames } from '../report/threshold.ts';
import { openLoop } from './open-loop.ts';
import { type Metric, metricsOf } from './stats.ts';
import { arrivalsOf, visitorsOf, type Workload } from './workload.ts';

/** Everything that `bench load` may measure; the last two only a search. */
export const LOAD_FIGURES: FigureNames = {
  metrics: ['totalMs', 'readMs', 'writeMs', 'startDelayMs'],
  derived: [
    'offered',
    'completed',
    'failed',
    'unknown',
    'startedLate',
    'notStarted',
    'ratePerSecond',
    'plannedMs',
    'completedPerSecond',
    'drainMs',
    'clientBusyPercent',
    'requestsPerOperation',
    'floorMs',
    'meanToFloor',
    'kneePerSecond',
    'brokenPerSecond',
  ],
};

/** Makes the requests of a load. */
interface LoadTarget {
  read(user: number): Promise<unknown>;
  write(user: number): Promise<unknown>;
}

/** Reads and writes databases in this process. `noteIds`: notes that all of them have, changed in turn. */
export function loadOn(databases: UserDatabases, usernames: readonly string[], noteIds: readonly number[]): LoadTarget {
  let writes = 0;
  const nameOf = (user: number): string => usernames[user] ?? '';
  return {
    read: (user) =>
      databases.read(nameOf(user), ({ database }) => database.prepare('SELECT count(*) FROM notes').get()),
    write: (user) => {
      const noteId = noteIds[writes++ % noteIds.length] ?? 0;
      return databases.update(nameOf(user), (database) =>
        database.prepare('UPDATE notes SET mod = mod + 1 WHERE id = ?').run(noteId),
      );
    },
  };
}

export interface LoadInputs {
  readonly target: LoadTarget;
  readonly workload: Workload;
  readonly durationMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal?: AbortSignal | undefined;
  /** Returns what the deployment has asked of the store so far. */
  readonly requests: () => RequestCounts;
  /** Returns how long the event loop has worked so far, in milliseconds. */
  readonly busyMs: () => number;
  /** The round trip, if it is known: then there is a floor. */
  readonly rttMs?: number | undefined;
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** What a load of one rate has measured. */
export interface MeasuredLoad {
  readonly ratePerSecond: number;
  /** Of the requests that succeeded. */
  readonly metrics: Readonly<Record<string, Metric>>;
  /** The same, counted from when they were started, and not from when they were due. */
  readonly fromStart: Readonly<Record<string, Metric>>;
  readonly derived: Readonly<Record<string, number>>;
  readonly requests: RequestCounts;
  /** How many requests succeeded. */
  readonly operations: number;
  /** How many failed, and why. */
  readonly failures: readonly string[];
  /** Why the figures are those of the client and not of the deployment, if so. */
  readonly saturation?: string | undefined;
}

// Well beyond what a timer of an idle process is late.
const LATE_MS = 10;

/** The figures of an event loop that is busier than that are its own. */
export const BUSY_MAX_PERCENT = 90;

/** Makes requests at a rate for a time. Hands `measuring` a function that returns what has been measured so far. */
export async function measureLoad(
  ratePerSecond: number,
  inputs: LoadInputs,
  measuring: (soFar: () => MeasuredLoad) => void = () => {},
): Promise<MeasuredLoad> {
  const { target, workload, durationMs, clock, random, signal, requests, busyMs, rttMs, onProgress } = inputs;
  const arrivals = arrivalsOf(ratePerSecond, durationMs, random);
  const visitor = visitorsOf(workload, random);
  const visits = arrivals.map(visitor);
  const samples: Record<string, number[]> = { totalMs: [], readMs: [], writeMs: [], startDelayMs: [] };
  const startSamples: Record<string, number[]> = { totalMs: [], readMs: [], writeMs: [] };
  const failures: { readonly kind: FailureKind; readonly message: string }[] = [];
  const [before, busyBefore, beganAt] = [requests(), busyMs(), clock.monotonic()];
  let [notStarted, startedLate, crowded] = [0, 0, 0];
  // Counted from the first reply on, for as long as requests were due: what comes later comes at no rate that was asked for.
  let [firstEndedAt, inTime, isOver] = [Number.POSITIVE_INFINITY, 0, false];
  const soFar = (): MeasuredLoad => {
    const [elapsedMs, made] = [clock.monotonic() - beganAt, countsSince(before, requests())];
    const [operations, busy] = [samples.totalMs?.length ?? 0, (busyMs() - busyBefore) / elapsedMs];
    const metrics = metricsOf(samples);
    const calls = (made.get + made.put + made.head + made.delete + made.list) / operations;
    const unknown = failures.filter(({ kind }) => kind === 'unknown').length;
    const floorMs = rttMs === undefined ? Number.NaN : calls * rttMs;
    const derived = {
      offered: arrivals.length,
      completed: operations,
      failed: failures.length - unknown,
      unknown,
      startedLate,
      notStarted,
      ratePerSecond,
      plannedMs: durationMs,
      completedPerSecond: (inTime / (isOver ? durationMs : Math.min(elapsedMs, durationMs))) * 1000,
      drainMs: Math.max(0, elapsedMs - durationMs),
      clientBusyPercent: busy * 100,
      requestsPerOperation: calls,
      floorMs,
      meanToFloor: floorMs > 0 ? (metrics.totalMs?.mean ?? Number.NaN) / floorMs : Number.NaN,
    };
    const saturation = saturationOf({ notStarted, crowded, busyPercent: busy * 100 });
    const fromStart = metricsOf(startSamples);
    return {
      ratePerSecond,
      metrics,
      fromStart,
      derived,
      requests: made,
      operations,
      failures: counted(failures),
      saturation,
    };
  };
  measuring(soFar);
  let ended = 0;
  const counts = await openLoop({
    arrivals,
    request: async (index) => {
      const { user, reads } = visits[index] ?? { user: 0, reads: true };
      await (reads ? target.read(user) : target.write(user));
    },
    ended: (index, { startDelayMs, totalMs }, error) => {
      onProgress?.(`${ratePerSecond}/s: ${++ended} of ${arrivals.length} requests`);
      if (startDelayMs > LATE_MS) startedLate++;
      if (error !== undefined) {
        const kind = error instanceof JavumboError ? error.kind : 'internal';
        if (kind !== 'interrupted') failures.push({ kind, message: `${kind}: ${messageOf(error)}` });
        return;
      }
      const endedAt = clock.monotonic();
      firstEndedAt = Math.min(firstEndedAt, endedAt);
      if (endedAt - firstEndedAt <= durationMs) inTime++;
      for (const name of ['totalMs', visits[index]?.reads === true ? 'readMs' : 'writeMs']) {
        samples[name]?.push(totalMs);
        startSamples[name]?.push(totalMs - startDelayMs);
      }
      samples.startDelayMs?.push(startDelayMs);
    },
    underwayMax: CONNECTIONS_MAX,
    clock,
    signal,
  });
  [notStarted, crowded, isOver] = [counts.notStarted, counts.crowded, true];
  return soFar();
}

function saturationOf({
  notStarted,
  crowded,
  busyPercent,
}: Readonly<Record<'notStarted' | 'crowded' | 'busyPercent', number>>): string | undefined {
  // The loop is named first: where it is busy, it is the reason for the rest.
  if (busyPercent > BUSY_MAX_PERCENT) return `its event loop was busy for ${Math.round(busyPercent)} % of the time`;
  if (crowded > 0) return `${crowded} requests had to wait because ${CONNECTIONS_MAX} were under way`;
  return notStarted === 0 ? undefined : `it could not start ${notStarted} requests in time`;
}

/** Returns each kind of failure with its count and one of its messages, which name users and differ. */
function counted(failures: readonly { readonly kind: FailureKind; readonly message: string }[]): string[] {
  return [...new Set(failures.map(({ kind }) => kind))].map((kind) => {
    const alike = failures.filter((failure) => failure.kind === kind);
    return `${alike.length} of the requests failed, such as: ${alike[0]?.message}`;
  });
}
