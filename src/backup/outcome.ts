import { JavumboError } from '../core/failure.ts';

/** Why one user is not as asked, where the others go on. */
export type Trouble = 'damaged' | 'conflict' | 'unavailable' | 'unknown' | 'refused';

const TROUBLE: Readonly<Partial<Record<JavumboError['kind'], Trouble>>> = {
  corrupt: 'damaged',
  conflict: 'conflict',
  unavailable: 'unavailable',
  unknown: 'unknown',
  usage: 'refused',
  violation: 'refused',
};

/** Returns how a failure over one user ended for that user. Throws what is about everybody, such as an interruption. */
export function troubleOf(error: unknown): { readonly outcome: Trouble; readonly error: string } {
  const outcome = error instanceof JavumboError ? TROUBLE[error.kind] : undefined;
  if (outcome === undefined || !(error instanceof JavumboError)) throw error;
  return { outcome, error: error.message };
}

// As many users as two rounds of eight requests, each of them sent five times.
const FAILURES_MAX = 16;

/** Ends a run when the store does not answer at all: with a thousand users every one would wait for it in vain. */
export class Patience {
  #failures = 0;

  /** Returns a failure over one user as its outcome, or throws it if too many came before it without a success. */
  failed(error: unknown): ReturnType<typeof troubleOf> {
    const trouble = troubleOf(error);
    if (trouble.outcome === 'unavailable' && ++this.#failures >= FAILURES_MAX) throw error;
    return trouble;
  }

  succeeded(): void {
    this.#failures = 0;
  }
}
