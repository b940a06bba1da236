import type { Around, Unanswered } from './around.ts';
import type { CleanUps } from './clean-ups.ts';
import type { Clock } from './clock.ts';
import { JavumboError } from './failure.ts';
import { isTestUser } from './test-data.ts';

/** Where work learns that a signal stops it, and who is told what has to end first. */
export interface InterruptibleOptions {
  /** Its reason is what work throws once it is aborted. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly cleanUps: CleanUps;
}

// A store that is well answers far sooner; whoever pressed Ctrl-C waits for it.
const WRITE_MAX_MS = 2_000;

// For work that neither asks the signal nor makes requests through these functions.
const STOP_MAX_MS = 2_000;

/** Why work that a signal stopped stopped. */
export function interrupted(): JavumboError {
  return new JavumboError('interrupted', 'interrupted');
}

/** The options for work of a command; undefined where nothing interrupts it. */
export function interruptionOf(
  context: Omit<InterruptibleOptions, 'signal'> & { readonly signal?: AbortSignal | undefined },
): InterruptibleOptions | undefined {
  const { signal, clock, cleanUps } = context;
  return signal === undefined ? undefined : { signal, clock, cleanUps };
}

/** A request that only reads: not begun once the work is interrupted, and not waited for. */
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
 * A request that writes: not begun once the work is interrupted. One that has begun is waited for, up to two seconds; then
 * nobody can tell what became of it. `username`: of test data, about which nobody asks, it is not said.
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

/** Begins no request once the work is interrupted; what is under way then ends as the two functions above say. */
export function interrupting(options: InterruptibleOptions): Around {
  return {
    read: (request) => interruptibleRead(options, request),
    write: (username, request) => interruptibleWrite(options, username, request),
  };
}

/** What a request is answered with. Interrupted, it is waited for up to two seconds. */
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

/** Told apart from an `unknown` that a store answers with. */
function isUnanswered(outcome: unknown): boolean {
  return (outcome as Partial<Unanswered> | undefined)?.cause instanceof NoAnswer;
}

class NoAnswer extends Error {
  constructor() {
    super(`interrupted, and there was no answer within ${WRITE_MAX_MS / 1000} s`);
  }
}

/** Resolves two seconds after the signal, unless `ended` comes first. */
async function unanswered(signal: AbortSignal, clock: Clock, ended: AbortSignal): Promise<Unanswered> {
  await aborted(signal, ended);
  await clock.sleep(WRITE_MAX_MS, ended).catch(() => {});
  return { kind: 'unknown', cause: new NoAnswer() };
}

/** Resolves when `signal` is aborted; never, and without waiting any more, when `ended` is before. */
function aborted(signal: AbortSignal, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: ended });
  });
}

/** A clock whose sleepers a signal wakes: they reject with its reason. */
export function interruptibleClock({ signal, clock }: Pick<InterruptibleOptions, 'signal' | 'clock'>): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    sleep: (milliseconds, own) =>
      clock.sleep(milliseconds, own === undefined ? signal : AbortSignal.any([own, signal])),
  };
}

/**
 * Returns what `work` does. Interrupted, it has two seconds to stop by itself, beside what must come to its end; then it
 * is given up, and the signal's reason thrown.
 */
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
