import { chmod, copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Content } from '../core/file.ts';
import type { Random } from '../core/random.ts';
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
  Trace,
} from '../store/database-store.ts';

export type StoreOperation = 'get' | 'head' | 'put' | 'delete' | 'list';

/**
 * What can go wrong between a machine and the store. `upstream` affects the request, `downstream` its reply.
 *
 * - `lost-request`: it never arrives, and the sender waits in vain.
 * - `lost-reply`: it happened, and the sender never hears of it. To the sender it looks like a lost request.
 * - `late-request` (puts and deletes): the sender gives up, and it arrives some requests later. Its condition is
 *   compared then.
 * - `repeated-request` (puts and deletes): something sends it twice, and the second answer arrives.
 * - `throttled-repeat` (puts and deletes): likewise, but the second copy is rejected.
 * - `damaged-reply` (gets): one digit differs from what was stored.
 * - `contended` (puts and deletes): S3's 409 while another conditional write is under way. Nothing happened.
 * - `throttled`: S3's SlowDown. Nothing happened.
 * - `delay`: it takes longer, and others get in between.
 */
export type Fault = { readonly operations: readonly StoreOperation[]; readonly probability: number } & (
  | {
      readonly name: 'lost-request' | 'throttled' | 'contended' | 'repeated-request' | 'throttled-repeat';
      readonly direction: 'upstream';
    }
  | {
      readonly name: 'late-request';
      readonly direction: 'upstream';
      /** Includes puts that create. One that arrives after a delete restores the database, on S3 as here. */
      readonly creates: boolean;
    }
  | { readonly name: 'lost-reply' | 'damaged-reply'; readonly direction: 'downstream' }
  | { readonly name: 'delay'; readonly direction: 'upstream' | 'downstream'; readonly longestMs: number }
);

export type FaultName = Fault['name'];

export const FAULT_NAMES = [
  'lost-request',
  'lost-reply',
  'late-request',
  'repeated-request',
  'throttled-repeat',
  'damaged-reply',
  'contended',
  'throttled',
  'delay',
] as const satisfies readonly FaultName[];

export interface FaultyDatabaseStoreOptions {
  /** Each is tried for every request it applies to, in this order. None: the wrapper is invisible. */
  readonly faults: readonly Fault[];
  readonly random: Random;
  readonly clock: Clock;
  /** Holds the files of late requests until they arrive. */
  readonly directory: string;
  /** False spares replies whose damage nobody could notice, since what they carry has no digest. Default true. */
  readonly damagesAll?: boolean;
  /** False sends no create twice: a delete may come between the copies. Default true. */
  readonly copiesCreates?: boolean;
  /** How many requests later a late one arrives at most. */
  readonly latenessMax?: number;
}

interface LateRequest {
  readonly arrivesAt: number;
  readonly arrive: () => Promise<{ readonly kind: string }>;
}

interface SentWrite {
  readonly creates: boolean;
  /** Keeps a copy of the request, and returns a function that sends it. */
  readonly keep: () => Promise<LateRequest['arrive']>;
}

// A sender gives up after some ten requests: a late one can arrive before it looks, during its retries, and long after.
const LATENESS_MAX_REQUESTS = 16;

/** A store behind a bad network. Only the injected randomness decides which requests meet which fault. */
export class FaultyDatabaseStore implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #directory: string;
  readonly #fired = none();
  readonly #landed = none();
  readonly #damagesAll: boolean;
  readonly #latenessMax: number;
  readonly #copiesCreates: boolean;
  #faults: readonly Fault[];
  #late: LateRequest[] = [];
  #requests = 0;
  #files = 0;

  constructor(inner: DatabaseStore, options: FaultyDatabaseStoreOptions) {
    const { faults, random, clock, directory, damagesAll = true, latenessMax = LATENESS_MAX_REQUESTS } = options;
    this.#copiesCreates = options.copiesCreates ?? true;
    this.#inner = inner;
    this.#damagesAll = damagesAll;
    this.#latenessMax = latenessMax;
    this.#faults = faults;
    this.#random = random;
    this.#clock = clock;
    this.#directory = directory;
  }

  /** Returns how often each fault has happened so far. */
  fired(): Readonly<Record<FaultName, number>> {
    return { ...this.#fired };
  }

  /** Returns how often a request with a fault had its effect all the same. Never for reads and delays. */
  landed(): Readonly<Record<FaultName, number>> {
    return { ...this.#landed };
  }

  /** Stops all faults, and delivers every late request now, in order. */
  async disarm(): Promise<void> {
    this.#faults = [];
    await this.#deliver(Number.POSITIVE_INFINITY);
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    const get = (): Promise<GetResult> => this.#inner.get(username, destination, options);
    return this.#send('get', get, neverHeard, {
      // Never the same damage twice in a row, which distinguishes it from damage in the store.
      damage: () => damageDigit(destination, this.#random, 1 + (this.#landed['damaged-reply'] % 9)),
    });
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#send('head', () => this.#inner.head(username), neverHeard);
  }

  trace(username: string): Promise<Trace> {
    return this.#send('head', () => this.#inner.trace(username), neverHeard);
  }

  list(from?: string, prefix?: string): Promise<ListPage> {
    return this.#send('list', () => this.#inner.list(from, prefix), neverHeard);
  }

  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    const remove = (): Promise<DeleteOutcome> => this.#inner.delete(username, options);
    return this.#send('delete', remove, inDoubt, { write: { creates: false, keep: async () => remove } });
  }

  put(username: string, source: Content, options: PutOptions): Promise<PutOutcome> {
    const keep = () => this.#keep(username, source, options);
    return this.#send('put', () => this.#inner.put(username, source, options), inDoubt, {
      write: { creates: options.condition.kind === 'absent', keep },
    });
  }

  /** `lost`: the sender's outcome for a request without an answer. */
  async #send<T>(
    operation: StoreOperation,
    request: () => Promise<T>,
    lost: (what: string) => T,
    { write, damage }: { readonly write?: SentWrite; readonly damage?: () => Promise<boolean> } = {},
  ): Promise<T> {
    this.#requests++;
    await this.#deliver(this.#requests);
    for (const fault of this.#faults) {
      if (fault.direction !== 'upstream' || !fault.operations.includes(operation)) continue;
      if (fault.name === 'late-request' && (write === undefined || (write.creates && !fault.creates))) continue;
      const copies = fault.name === 'repeated-request' || fault.name === 'throttled-repeat';
      if (copies && write?.creates === true && !this.#copiesCreates) continue;
      if (!this.#happens(fault)) continue;
      switch (fault.name) {
        case 'lost-request':
          return lost(`${operation}: the connection was reset`);
        case 'late-request':
          if (write !== undefined) await this.#setAside(write);
          return lost(`${operation}: no answer in time`);
        case 'repeated-request':
          this.#noteLanding(fault.name, await request());
          break;
        case 'throttled-repeat':
          this.#noteLanding(fault.name, await request());
          throw refused(`${operation}: 503, slow down`, true);
        case 'contended':
          throw refused(`${operation}: 409, another write is under way`, true);
        case 'throttled':
          throw refused(`${operation}: 503, slow down`, true);
        case 'delay':
          await this.#clock.sleep(this.#random.fraction() * fault.longestMs);
      }
    }
    const answer = await request();
    for (const fault of this.#faults) {
      if (fault.direction !== 'downstream' || !fault.operations.includes(operation) || !this.#happens(fault)) continue;
      if (fault.name === 'lost-reply') {
        if (write !== undefined) this.#noteLanding(fault.name, answer);
        return lost(`${operation}: the connection was reset`);
      }
      if (fault.name === 'damaged-reply') {
        const found = answer as { readonly kind?: string; readonly digest?: string };
        const isMeant = found.kind === 'found' && (this.#damagesAll || found.digest !== undefined);
        if (isMeant && (await damage?.()) === true) this.#landed[fault.name]++;
        continue;
      }
      if (fault.name === 'delay') await this.#clock.sleep(this.#random.fraction() * fault.longestMs);
    }
    return answer;
  }

  #happens({ name, probability }: Fault): boolean {
    if (this.#random.fraction() >= probability) return false;
    this.#fired[name]++;
    return true;
  }

  #noteLanding(name: FaultName, answer: unknown): void {
    if (['committed', 'deleted'].includes((answer as { kind?: string }).kind ?? '')) this.#landed[name]++;
  }

  async #setAside({ keep }: SentWrite): Promise<void> {
    const arrivesAt = this.#requests + 1 + Math.floor(this.#random.fraction() * this.#latenessMax);
    this.#late.push({ arrivesAt, arrive: await keep() });
  }

  /** The sender removes its file when it gives up, but the bytes are already under way. */
  async #keep(username: string, source: Content, options: PutOptions): Promise<LateRequest['arrive']> {
    const file = join(this.#directory, `late-${this.#files++}`);
    await (typeof source === 'string' ? copyFile(source, file) : writeFile(file, source));
    return async () => {
      const outcome = await this.#inner.put(username, file, options);
      await rm(file);
      return outcome;
    };
  }

  async #deliver(until: number): Promise<void> {
    if (this.#late.length === 0) return;
    const due = this.#late.filter(({ arrivesAt }) => arrivesAt <= until).sort((a, b) => a.arrivesAt - b.arrivesAt);
    this.#late = this.#late.filter(({ arrivesAt }) => arrivesAt > until);
    for (const { arrive } of due) this.#noteLanding('late-request', await arrive());
  }
}

function none(): Record<FaultName, number> {
  return Object.fromEntries(FAULT_NAMES.map((name) => [name, 0])) as Record<FaultName, number>;
}

/** Changes a digit after a `v`, if there is one: like a flipped bit that SQLite cannot detect. */
export async function damageDigit(path: string, random: Random, by = 1): Promise<boolean> {
  const bytes = await readFile(path);
  const places = [...bytes.toString('latin1').matchAll(/(?<=v)\d/g)].map(({ index }) => index);
  const place = places[Math.floor(random.fraction() * places.length)];
  if (place === undefined) return false;
  bytes[place] = 0x30 + (((bytes[place] ?? 0) - 0x30 + by) % 10);
  await chmod(path, 0o600);
  await writeFile(path, bytes);
  return true;
}

/** A read without an answer changed nothing, so it can be resent. */
function neverHeard(what: string): never {
  throw refused(what);
}

function inDoubt(what: string): { readonly kind: 'unknown'; readonly cause: Error } {
  return { kind: 'unknown', cause: new Error(what) };
}

function refused(what: string, sent = false): JavumboError {
  return new JavumboError('unavailable', what, { retryable: true, sent });
}
