import type { Announcements } from './supervision/announcements.ts';
import type { Subject } from './supervision/messages.ts';

/** Where requests learn that the work is interrupted, and whom writes are announced to. */
export interface InterruptibleOptions {
  /** Its reason is what requests throw once it is aborted. */
  readonly signal: AbortSignal;
  readonly announcements?: Announcements | undefined;
}

/** A request that only reads: not begun once the work is interrupted, and not waited for. */
export async function interruptibleRead<T>({ signal }: InterruptibleOptions, request: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => {};
  const interrupted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([request(), interrupted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * A request that writes: not begun once the work is interrupted, announced before it is sent in case nobody lives to see
 * what becomes of it, and waited for.
 */
export async function announcedWrite<T extends { readonly kind: string; readonly version?: string | undefined }>(
  { signal, announcements }: InterruptibleOptions,
  subject: Subject,
  username: string,
  request: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  await announcements?.writing(subject, username);
  let outcome: T;
  try {
    signal.throwIfAborted();
    outcome = await request();
  } catch (error) {
    // A store throws where it knows that nothing was written.
    await announcements?.written(subject, username);
    throw error;
  }
  if (outcome.kind !== 'unknown') await announcements?.written(subject, username, outcome.version);
  return outcome;
}
