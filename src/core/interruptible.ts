import type { Around, Unanswered } from './around.ts';
import type { CleanUps } from './clean-ups.ts';
import type { Clock } from './clock.ts';
import { JavumboError } from './failure.ts';
import { isTestUser } from './test-data.ts';

/** What interruptible work needs: the signal, and where to register what must finish first. */
export interface InterruptibleOptions {
  /** Interrupted work throws its reason. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly cleanUps: CleanUps;
}

// A healthy store answers far sooner, and the user who pressed Ctrl-C is waiting.
const WRITE_MAX_MS = 2_000;

// For work that neither checks the signal nor sends requests through these functions.
const STOP_MAX_MS = 2_000;

export function interrupted(): JavumboError {
  return new JavumboError('interrupted', 'interrupted');
}

/** Returns the options for a command's work, or undefined if nothing can interrupt it. */
export function interruptionOf(
  context: Omit<InterruptibleOptions, 'signal'> & { readonly signal?: AbortSignal | undefined },
): InterruptibleOptions | undefined {
  const { signal, clock, cleanUps } = context;
  return signal === undefined ? undefined : { signal, clock, cleanUps };
}

/** Sends a request that only reads. An interruption prevents or abandons it and throws the signal's reason. */
export async function interruptibleRead<T>(
  { signal }: Pick<InterruptibleOptions, 'signal'>,
  request: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([request(), stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Sends a request that writes, unless interrupted before. If interrupted during it, waits up to two seconds for the
 * reply and then returns `unknown`; for a test user, of whom no one needs the outcome, throws the signal's reason.
 */
export async function interruptibleWrite<T>(
  options: InterruptibleOptions,
  username: string,
  request: () => Promise<T>,
): Promise<T | Unanswered> {
  const { signal, cleanUps } = options;
  signal.throwIfAborted();
  const outcome = await cleanUps.finish(answerOf(options, request()));
  if (isUnanswered(outcome) && isTestUser(username)) throw signal.reason;
  return outcome;
}

/** Stands around requests: starts none after an interruption, and ends those in flight as the two functions above do. */
export function interrupting(options: InterruptibleOptions): Around {
  return {
    read: (request) => interruptibleRead(options, request),
    write: (username, request) => interruptibleWrite(options, username, request),
  };
}

/** Awaits a reply; after an interruption, for at most two seconds. */
export async function answerOf<T>(
  { signal, clock }: Pick<InterruptibleOptions, 'signal' | 'clock'>,
  request: Promise<T>,
): Promise<T | Unanswered> {
  const ended = new AbortController();
  try {
    return await Promise.race([request, unanswered(signal, clock, ended.signal)]);
  } finally {
    ended.abort();
  }
}

/** Distinguishes our own `unknown` from one that a store returned. */
function isUnanswered(outcome: unknown): boolean {
  return (outcome as Partial<Unanswered> | undefined)?.cause instanceof NoAnswer;
}

class NoAnswer extends Error {
  constructor() {
    super(`interrupted, and there was no answer within ${WRITE_MAX_MS / 1000} s`);
  }
}

/** Resolves two seconds after the signal, or when `ended` aborts. */
async function unanswered(signal: AbortSignal, clock: Clock, ended: AbortSignal): Promise<Unanswered> {
  await aborted(signal, ended);
  await clock.sleep(WRITE_MAX_MS, ended).catch(() => {});
  return { kind: 'unknown', cause: new NoAnswer() };
}

/** Resolves when `signal` aborts; never if `ended` aborts first. */
function aborted(signal: AbortSignal, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: ended });
  });
}

/** Returns a clock whose sleeps reject with the signal's reason as soon as it aborts. */
export function interruptibleClock({ signal, clock }: Pick<InterruptibleOptions, 'signal' | 'clock'>): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    sleep: (milliseconds, own) =>
      clock.sleep(milliseconds, own === undefined ? signal : AbortSignal.any([own, signal])),
  };
}

/** Awaits `work`. After an interruption, throws the signal's reason two seconds after all `cleanUps` work ends. */
export async function stoppable<T>(work: Promise<T>, { signal, clock, cleanUps }: InterruptibleOptions): Promise<T> {
  const ended = new AbortController();
  const givenUp = async (): Promise<never> => {
    await aborted(signal, ended.signal);
    do {
      await cleanUps.settled();
      await clock.sleep(STOP_MAX_MS, ended.signal);
    } while (cleanUps.busy);
    throw signal.reason;
  };
  try {
    return await Promise.race([work, givenUp()]);
  } finally {
    ended.abort();
  }
}
