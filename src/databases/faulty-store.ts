import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { JavumboError } from '../failure.ts';
import type { Random } from '../random.ts';
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
} from './store.ts';

export type StoreOperation = 'get' | 'head' | 'put' | 'delete' | 'list';

/**
 * What can go wrong between a machine and the store. `upstream` happens to the request, `downstream` to its reply.
 *
 * - `lost-request`: it never arrives, and the sender waits in vain.
 * - `lost-reply`: it happened, and the sender never hears of it. From there it looks like a lost request.
 * - `late-request` (puts): the sender gives up on it, and it arrives nevertheless, some requests later. Its condition is
 *   compared then, as of any other put.
 * - `contended` (puts and deletes): S3's 409 while another conditional write is under way. Nothing happened.
 * - `throttled`: S3's SlowDown. Nothing happened.
 * - `delay`: it takes longer, and others get in between.
 */
export type Fault = { readonly operations: readonly StoreOperation[]; readonly probability: number } & (
  | { readonly name: 'lost-request' | 'throttled' | 'contended'; readonly direction: 'upstream' }
  | {
      readonly name: 'late-request';
      readonly direction: 'upstream';
      readonly operations: readonly ['put'];
      /** Also puts that create. One that arrives after a delete brings the database back, on S3 as here. */
      readonly creates: boolean;
    }
  | { readonly name: 'lost-reply'; readonly direction: 'downstream' }
  | { readonly name: 'delay'; readonly direction: 'upstream' | 'downstream'; readonly longestMs: number }
);

export type FaultName = Fault['name'];

export const FAULT_NAMES = [
  'lost-request',
  'lost-reply',
  'late-request',
  'contended',
  'throttled',
  'delay',
] as const satisfies readonly FaultName[];

export interface FaultyDatabaseStoreOptions {
  /** Each is tried for every request that it is about, in this order. None: the wrapper is invisible. */
  readonly faults: readonly Fault[];
  readonly random: Random;
  readonly clock: Clock;
  /** Where the files of late requests are kept until they arrive. */
  readonly directory: string;
}

interface LateRequest {
  readonly arrivesAt: number;
  readonly username: string;
  readonly file: string;
  readonly options: PutOptions;
}

// The budget of whoever sent it is spent after some ten requests: it can arrive before the sender looks, while the
// sender sends it again, and after everybody has forgotten it.
const LATENESS_MAX_REQUESTS = 16;

/** A store behind a bad network. Which requests meet which fault is decided by the injected chance alone. */
export class FaultyDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #fired = Object.fromEntries(FAULT_NAMES.map((name) => [name, 0])) as Record<FaultName, number>;
  #faults: readonly Fault[];
  #late: LateRequest[] = [];
  #requests = 0;
  #files = 0;
  #landedLate = 0;

  constructor(inner: DatabaseStore, { faults, random, clock, directory }: FaultyDatabaseStoreOptions) {
    this.#inner = inner;
    this.#faults = faults;
    this.#random = random;
    this.#clock = clock;
    this.#directory = directory;
  }

  /** How often each fault has happened so far, as a copy. */
  fired(): Readonly<Record<FaultName, number>> {
    return { ...this.#fired };
  }

  /** How many late requests were committed when they arrived. */
  landedLate(): number {
    return this.#landedLate;
  }

  /** No fault from here on, and every late request arrives now, in its order. */
  async disarm(): Promise<void> {
    this.#faults = [];
    await this.#deliver(Number.POSITIVE_INFINITY);
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#send('get', () => this.#inner.get(username, destination, options), neverHeard);
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#send('head', () => this.#inner.head(username), neverHeard);
  }

  list(from?: string): Promise<ListPage> {
    return this.#send('list', () => this.#inner.list(from), neverHeard);
  }

  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    return this.#send('delete', () => this.#inner.delete(username, options), inDoubt);
  }

  put(username: string, source: string, options: PutOptions): Promise<PutOutcome> {
    return this.#send('put', () => this.#inner.put(username, source, options), inDoubt, {
      creates: options.condition.kind === 'absent',
      keep: () => this.#keep(username, source, options),
    });
  }

  /** `lost` is what a sender makes of a request that is not answered; `late` sets one aside that arrives by itself. */
  async #send<T>(
    operation: StoreOperation,
    request: () => Promise<T>,
    lost: (what: string) => T,
    late?: { readonly creates: boolean; readonly keep: () => Promise<void> },
  ): Promise<T> {
    this.#requests++;
    await this.#deliver(this.#requests);
    for (const fault of this.#faults) {
      if (fault.direction !== 'upstream' || !fault.operations.includes(operation)) continue;
      if (fault.name === 'late-request' && (late === undefined || (late.creates && !fault.creates))) continue;
      if (!this.#happens(fault)) continue;
      switch (fault.name) {
        case 'lost-request':
          return lost(`${operation}: the connection was reset`);
        case 'late-request':
          await late?.keep();
          return lost(`${operation}: no answer in time`);
        case 'contended':
          throw refused(`${operation}: 409, another write is under way`);
        case 'throttled':
          throw refused(`${operation}: 503, slow down`);
        case 'delay':
          await this.#clock.sleep(this.#random.fraction() * fault.longestMs);
      }
    }
    const answer = await request();
    for (const fault of this.#faults) {
      if (fault.direction !== 'downstream' || !fault.operations.includes(operation) || !this.#happens(fault)) continue;
      if (fault.name === 'lost-reply') return lost(`${operation}: the connection was reset`);
      await this.#clock.sleep(this.#random.fraction() * fault.longestMs);
    }
    return answer;
  }

  #happens({ name, probability }: Fault): boolean {
    if (this.#random.fraction() >= probability) return false;
    this.#fired[name]++;
    return true;
  }

  /** The sender's file goes when the sender gives up, and the bytes are under way already. */
  async #keep(username: string, source: string, options: PutOptions): Promise<void> {
    const file = join(this.#directory, `late-${this.#files++}`);
    await copyFile(source, file);
    const arrivesAt = this.#requests + 1 + Math.floor(this.#random.fraction() * LATENESS_MAX_REQUESTS);
    this.#late.push({ arrivesAt, username, file, options });
  }

  async #deliver(until: number): Promise<void> {
    if (this.#late.length === 0) return;
    const due = this.#late.filter(({ arrivesAt }) => arrivesAt <= until).sort((a, b) => a.arrivesAt - b.arrivesAt);
    this.#late = this.#late.filter(({ arrivesAt }) => arrivesAt > until);
    for (const { username, file, options } of due) {
      const outcome = await this.#inner.put(username, file, options);
      if (outcome.kind === 'committed') this.#landedLate++;
      await rm(file);
    }
  }
}

/** A read that was not answered changed nothing, so it can be sent again. */
function neverHeard(what: string): never {
  throw refused(what);
}

function inDoubt(what: string): { readonly kind: 'unknown'; readonly cause: Error } {
  return { kind: 'unknown', cause: new Error(what) };
}

function refused(what: string): JavumboError {
  return new JavumboError('unavailable', what, { retryable: true });
}
