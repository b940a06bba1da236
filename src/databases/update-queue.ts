import { JavumboError } from '../core/failure.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import type { PendingEdit, Settled, UpdateResult } from './edits.ts';
import type { OptimisticUpdates, UpdateOptions } from './optimistic-update.ts';

interface Waiting extends PendingEdit {
  readonly options: UpdateOptions;
  readonly resolve: (result: UpdateResult<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: updates of one user that come while another is under way in this process wait, and go out together with
 * one PUT. None is acknowledged before that. An update that nothing precedes starts at once.
 */
export class UpdateQueue {
  readonly #updates: OptimisticUpdates;
  /** By username, while an update of that user is under way. */
  readonly #waiting = new Map<string, Waiting[]>();

  constructor(updates: OptimisticUpdates) {
    this.#updates = updates;
  }

  async update<T>(
    username: string,
    edit: (database: SqliteDatabase) => T,
    options: UpdateOptions,
  ): Promise<UpdateResult<T>> {
    const waiting = this.#waiting.get(username);
    if (waiting !== undefined) {
      return new Promise((resolve, reject) => {
        const { retries } = options;
        waiting.push({ edit, retries, options, resolve: (result) => resolve(result as UpdateResult<T>), reject });
      });
    }
    this.#waiting.set(username, []);
    try {
      return await this.#updates.update(username, edit, options);
    } finally {
      void this.#runWaiting(username);
    }
  }

  /** Never rejects: each update is told itself. */
  async #runWaiting(username: string): Promise<void> {
    for (;;) {
      const waiting = this.#waiting.get(username) ?? [];
      if (waiting.length === 0) {
        this.#waiting.delete(username);
        return;
      }
      // Who may create the database does not share a copy of it with others.
      const creator = waiting.findIndex(({ options }) => options.create !== undefined);
      const together = waiting.splice(0, creator === -1 ? waiting.length : Math.max(creator, 1));
      await this.#runTogether(username, together);
    }
  }

  async #runTogether(username: string, together: readonly Waiting[]): Promise<void> {
    const settled = together.length === 1 ? [] : await this.#tryTogether(username, together);
    for (const [index, one] of together.entries()) {
      const { edit, options, resolve, reject } = one;
      const known = settled[index] ?? { kind: 'again' };
      if (known.kind === 'done') resolve(known.result);
      else if (known.kind === 'failed' && !isCorrupt(known.error)) reject(known.error);
      // Damage may be in the cache alone: an update by itself looks.
      else await this.#updates.update(username, edit, options).then(resolve, reject);
    }
  }

  async #tryTogether(username: string, together: readonly Waiting[]): Promise<Settled[]> {
    try {
      return await this.#updates.together(username, together);
    } catch (error) {
      const concernsAll =
        error instanceof JavumboError && ['unavailable', 'not-found', 'interrupted'].includes(error.kind);
      return together.map(() => (concernsAll ? { kind: 'failed', error } : { kind: 'again' }));
    }
  }
}

function isCorrupt(error: unknown): boolean {
  return error instanceof JavumboError && error.kind === 'corrupt';
}
