import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { Unknown } from '../core/settled-write.ts';
import type { ChangeOutcome, PutUserOutcome, UserChanges, UserItem, UserPage, UserTable } from '../users/user-table.ts';

/**
 * What can go wrong between a client and the table.
 *
 * - `lost-request`: it never arrives, and the sender waits in vain.
 * - `late-request` (writes): the sender gives up, and it arrives some requests later.
 * - `repeated-request` (writes): something on the way sends it twice, and the second answer arrives.
 * - `late-copy` (writes): it is answered, and something on the way sends it again some requests later.
 * - `throttled`, `contended` (writes): the last copy is rejected before its condition is checked.
 * - `lost-reply`: it happened, and the sender never hears of it.
 * - `delay`: it or its answer takes longer, and others get in between.
 */
export const ACCOUNT_FAULTS = [
  'lost-request',
  'late-request',
  'repeated-request',
  'late-copy',
  'throttled',
  'contended',
  'lost-reply',
  'delay',
] as const;

export type AccountFaultName = (typeof ACCOUNT_FAULTS)[number];

export interface AccountFault {
  readonly name: AccountFaultName;
  readonly probability: number;
  /** For `late-request`, `repeated-request` and `late-copy`: false spares creates. */
  readonly creates?: boolean | undefined;
  /** For `repeated-request`: the longest gap between its copies, in which others get a turn. */
  readonly gapMs?: number | undefined;
}

export interface FaultCount {
  readonly fired: number;
  /** How many of the affected writes had their effect all the same. */
  readonly landed: number;
}

export interface FaultyUserTableOptions {
  readonly faults: readonly AccountFault[];
  readonly random: Random;
  readonly clock: Clock;
}

interface Late {
  readonly name: AccountFaultName;
  readonly arrivesAt: number;
  readonly copy: () => Promise<{ readonly kind: string }>;
}

const HALF_ROUND_TRIP_MS = 5;
const DELAY_MS = 80;
const LATENESS_MAX_REQUESTS = 12;

/** A table of accounts behind a bad network. Only the injected randomness decides which requests meet which fault. */
export class FaultyUserTable implements UserTable {
  readonly #inner: UserTable;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #faults: ReadonlyMap<AccountFaultName, AccountFault>;
  readonly #counts = new Map(ACCOUNT_FAULTS.map((name) => [name, { fired: 0, landed: 0 }]));
  #late: Late[] = [];
  #requests = 0;

  constructor(inner: UserTable, { faults, random, clock }: FaultyUserTableOptions) {
    this.#inner = inner;
    this.#random = random;
    this.#clock = clock;
    this.#faults = new Map(faults.map((fault) => [fault.name, fault]));
  }

  counts(): ReadonlyMap<AccountFaultName, FaultCount> {
    return this.#counts;
  }

  /** Delivers every late request now, in order. */
  settle(): Promise<void> {
    return this.#deliver(Number.POSITIVE_INFINITY);
  }

  get(username: string): Promise<UserItem | undefined> {
    return this.#read(() => this.#inner.get(username));
  }

  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage> {
    return this.#read(() => this.#inner.page(options));
  }

  putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    return this.#write(true, () => this.#inner.putIfAbsent(item));
  }

  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    return this.#write(false, () => this.#inner.replace(base, changes));
  }

  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    return this.#write(false, () => this.#inner.delete(base));
  }

  async #read<T>(request: () => Promise<T>): Promise<T> {
    await this.#travel();
    await this.#arrive();
    for (const name of ['lost-request', 'throttled'] as const) if (this.#happens(name)) throw refused(name);
    const answer = await request();
    const lost = this.#happens('lost-reply');
    await this.#travel();
    if (lost) throw refused('lost-reply');
    return answer;
  }

  async #write<Outcome extends { readonly kind: string }>(
    creates: boolean,
    copy: () => Promise<Outcome>,
  ): Promise<Outcome | Unknown> {
    const met: AccountFaultName[] = [];
    const happens = (name: AccountFaultName): boolean => {
      if (!this.#happens(name, creates)) return false;
      met.push(name);
      return true;
    };
    // A write lands at most once, whichever copy it is.
    const send = async (): Promise<Outcome> => {
      const outcome = await copy();
      if (hasLanded(outcome)) for (const name of met) this.#landed(name);
      return outcome;
    };
    if (await this.#travel()) met.push('delay');
    await this.#arrive();
    if (happens('lost-request')) return inDoubt('lost-request');
    if (happens('late-request')) {
      this.#keep('late-request', copy);
      return inDoubt('late-request');
    }
    let landed = false;
    if (happens('repeated-request')) {
      landed = hasLanded(await send());
      const gap = this.#faults.get('repeated-request')?.gapMs ?? 0;
      if (gap > 0) await this.#clock.sleep(this.#random.fraction() * gap);
    }
    for (const name of ['throttled', 'contended'] as const) {
      if (!happens(name)) continue;
      if (landed) this.#landed(name);
      await this.#travel();
      throw refused(name);
    }
    const answer = await send();
    landed ||= hasLanded(answer);
    if (happens('late-copy')) this.#keep('late-copy', copy);
    const lost = happens('lost-reply');
    if (lost && landed) this.#landed('lost-reply');
    await this.#travel();
    return lost ? inDoubt('lost-reply') : answer;
  }

  /** Takes half a round trip; returns true if it was a long one. */
  async #travel(): Promise<boolean> {
    const delayed = this.#happens('delay');
    await this.#clock.sleep(HALF_ROUND_TRIP_MS + (delayed ? this.#random.fraction() * DELAY_MS : 0));
    return delayed;
  }

  #happens(name: AccountFaultName, creates = false): boolean {
    const fault = this.#faults.get(name);
    if (fault === undefined || (creates && fault.creates === false)) return false;
    if (this.#random.fraction() >= fault.probability) return false;
    this.#count(name).fired++;
    return true;
  }

  #landed(name: AccountFaultName): void {
    this.#count(name).landed++;
  }

  #count(name: AccountFaultName): { fired: number; landed: number } {
    return this.#counts.get(name) as { fired: number; landed: number };
  }

  #keep(name: AccountFaultName, copy: Late['copy']): void {
    const arrivesAt = this.#requests + 1 + Math.floor(this.#random.fraction() * LATENESS_MAX_REQUESTS);
    this.#late.push({ name, arrivesAt, copy });
  }

  async #arrive(): Promise<void> {
    await this.#deliver(++this.#requests);
  }

  async #deliver(until: number): Promise<void> {
    const due = this.#late.filter(({ arrivesAt }) => arrivesAt <= until).sort((a, b) => a.arrivesAt - b.arrivesAt);
    this.#late = this.#late.filter(({ arrivesAt }) => arrivesAt > until);
    for (const { name, copy } of due) if (hasLanded(await copy())) this.#landed(name);
  }
}

function hasLanded({ kind }: { readonly kind: string }): boolean {
  return kind === 'created' || kind === 'replaced' || kind === 'deleted';
}

function refused(name: AccountFaultName): JavumboError {
  // There is no reply only to a request that never arrived, or to a read whose answer was lost.
  return new JavumboError('unavailable', name, { retryable: true, sent: name === 'throttled' || name === 'contended' });
}

function inDoubt(name: AccountFaultName): Unknown {
  return { kind: 'unknown', cause: new Error(name) };
}
