import type { Clock } from '../core/clock.ts';

/** When one request ended, in milliseconds from the moment at which it was due. */
interface LoopTimes {
  /** How late it was started. */
  readonly startDelayMs: number;
  /** How late its reply was: what a user has waited, whatever the cause. */
  readonly totalMs: number;
}

interface OpenLoopOptions {
  /** When each request is due, in milliseconds from now, in order. */
  readonly arrivals: readonly number[];
  /** Makes the request of that number. What it rejects with is handed to `ended`. */
  readonly request: (index: number) => Promise<void>;
  /** Called as each request ends. */
  readonly ended: (index: number, times: LoopTimes, error?: unknown) => void;
  /** The most requests under way; the next ones wait, and their time counts. */
  readonly underwayMax: number;
  readonly clock: Clock;
  /** Ends the loop, which then throws its reason, when the requests under way have ended. */
  readonly signal?: AbortSignal | undefined;
}

interface OpenLoopCounts {
  /** Not started at all, because the client was behind by the end. */
  readonly notStarted: number;
  /** Had to wait because too many were under way. */
  readonly crowded: number;
}

// The last requests are due at the end. A client that is further behind would only measure itself.
const BEHIND_MAX_MS = 1_000;

const POLL_MS = 1;

/**
 * Starts each request when it is due, whether or not earlier ones have ended, as users do. A closed loop would wait
 * while the server does, and count one slow request where a hundred users wait (coordinated omission). Resolves when
 * all that were started have ended.
 */
export async function openLoop(options: OpenLoopOptions): Promise<OpenLoopCounts> {
  const { arrivals, request, ended, underwayMax, clock, signal } = options;
  const beganAt = clock.monotonic();
  const giveUpAt = beganAt + (arrivals.at(-1) ?? 0) + BEHIND_MAX_MS;
  const underway = new Set<Promise<void>>();
  let crowded = 0;
  const start = async (index: number, dueAt: number): Promise<void> => {
    const startDelayMs = clock.monotonic() - dueAt;
    const times = (): LoopTimes => ({ startDelayMs, totalMs: clock.monotonic() - dueAt });
    await request(index).then(
      () => ended(index, times()),
      (error: unknown) => ended(index, times(), error),
    );
  };
  try {
    for (const [index, offset] of arrivals.entries()) {
      const dueAt = beganAt + offset;
      let waited = false;
      for (;;) {
        const now = clock.monotonic();
        if (now > giveUpAt) return { notStarted: arrivals.length - index, crowded };
        if (now < dueAt) await clock.sleep(dueAt - now, signal);
        else if (underway.size < underwayMax) break;
        else {
          if (!waited) crowded++;
          waited = true;
          await clock.sleep(POLL_MS, signal);
        }
      }
      signal?.throwIfAborted();
      const task = start(index, dueAt).finally(() => underway.delete(task));
      underway.add(task);
    }
    return { notStarted: 0, crowded };
  } finally {
    await Promise.all(underway);
  }
}
