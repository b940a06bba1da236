import { type Clock, momentOf } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Content } from '../core/file.ts';
import { Retries, type RetriesOptions } from '../core/retry.ts';
import { settledWrite } from '../core/settled-write.ts';
import type {
  DatabaseStore,
  DeleteOptions,
  DeleteOutcome,
  GetOptions,
  GetResult,
  ListPage,
  Past,
  PutOptions,
  PutOutcome,
  StoredDatabase,
  Trace,
} from './database-store.ts';
import { type Base, committedIn, seenIn, settle, settleDelete } from './write-ids.ts';

/**
 * Retries failed requests, and settles writes in doubt by their write ids (settled-write.ts, write-ids.ts).
 *
 * A put whose only copy was refused ends in a `conflict` without `seen`: its caller fetches the winner anyway and looks
 * for its own id there.
 */
export class RetryingDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #retries: Retries;
  readonly #clock: Clock;

  constructor(inner: DatabaseStore, options: RetriesOptions) {
    this.#inner = inner;
    this.#retries = new Retries(options);
    this.#clock = options.clock;
  }

  get bodyDigest(): DatabaseStore['bodyDigest'] {
    return this.#inner.bodyDigest;
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#retries.repeated(() => this.#inner.get(username, destination, options));
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#retries.repeated(() => this.#inner.head(username));
  }

  trace(username: string, past?: Past): Promise<Trace> {
    return this.#retries.repeated(() => this.#inner.trace(username, past));
  }

  list(from?: string, prefix?: string): Promise<ListPage> {
    return this.#retries.repeated(() => this.#inner.list(from, prefix));
  }

  /** Without `ifVersion` it is simply resent: test data cannot be lost. */
  delete(username: string, options: DeleteOptions = {}): Promise<DeleteOutcome> {
    const { ifVersion, writes = [] } = options;
    const [own, ...lineage] = writes;
    const base = ifVersion === undefined ? undefined : { version: ifVersion, writes: lineage };
    return settledWrite<DeleteOutcome, Trace>(
      {
        send: async () => {
          const outcome = await this.#inner.delete(username, options);
          // The caller saw that version. It is gone, whoever removed it, perhaps another copy of this request.
          return base !== undefined && outcome.kind === 'absent' ? { ...outcome, kind: 'deleted' } : outcome;
        },
        refusal: ({ kind }) => (kind === 'conflict' ? 'refusal' : undefined),
        callerLooks: base === undefined,
        look: () => this.trace(username),
        judge: (seen, reason) => {
          if (base === undefined) return seen.kind === 'nothing' ? { kind: 'deleted' } : 'resend';
          const settlement = settleDelete(own, base, seenIn(seen), reason);
          if (settlement === 'committed') return { kind: 'deleted' };
          return settlement === 'conflict' || settlement === 'absent' ? { kind: settlement } : settlement;
        },
      },
      this.#retries,
    );
  }

  async put(username: string, source: Content, options: PutOptions): Promise<PutOutcome> {
    const { condition, writes } = options;
    const [own, ...lineage] = writes;
    if (own === undefined) throw new JavumboError('internal', `put database "${username}" without a write id`);
    const sentAt = momentOf(this.#clock);
    const base: Base = condition.kind === 'absent' ? undefined : { version: condition.version, writes: lineage };
    return settledWrite<PutOutcome, Trace>(
      {
        send: () => this.#inner.put(username, source, options),
        refusal: (outcome) => {
          if (outcome.kind !== 'conflict') return undefined;
          return outcome.reason === 'deleted' ? 'absence' : 'refusal';
        },
        callerLooks: true,
        look: () => this.trace(username),
        judge: (seen, reason) => {
          const lookedAfterMs = this.#clock.monotonic() - sentAt.monotonic;
          const settlement = settle(own, base, seenIn(seen), reason, { at: sentAt.wall, lookedAfterMs });
          if (settlement === 'committed') return committedIn(own, seen);
          if (settlement !== 'conflict') return settlement;
          // A create that was only ever turned away met nobody: a tombstone without its id is no database.
          if (reason === 'throttle' && base === undefined && seen.kind === 'tombstone') return 'resend';
          return { kind: 'conflict', reason: seen.kind === 'database' ? 'changed' : 'deleted', seen };
        },
      },
      this.#retries,
    );
  }
}
