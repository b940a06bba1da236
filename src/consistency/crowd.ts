import { join } from 'node:path';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { ClientHandle } from './client-handle.ts';
import { type HistoryWriter, OUTCOMES, type ReportedOutcome } from './history-file.ts';
import type { ClientOrders, Counts } from './protocol.ts';
import { addCounts } from './reach.ts';
import type { SabotageName } from './sabotage.ts';

/** What all clients of a run have in common. */
export type CommonOrders = Pick<ClientOrders, 'users' | 'accounts' | 'history' | 'faults'>;

export interface CrowdOptions {
  readonly common: CommonOrders;
  /** Returns the configuration of a client with this cache directory. */
  readonly configOf: (cacheDir: string) => ClientOrders['config'];
  readonly count: number;
  readonly sabotage: SabotageName | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** Holds the caches and the files of the clients; the caller removes it. */
  readonly directory: string;
  readonly writer: HistoryWriter;
  readonly seed: number;
  readonly random: Random;
  /** How many operations there are between two kills, on average. */
  readonly killEvery: number;
}

/** The place among four whose client sends nothing again: it meets what retries hide. */
const IMPATIENT = 3;

/** The place among four whose client reads what it has cached without asking, for so long. */
const STALE = 2;
const STALENESS_MS = 300;

/** The clients of a run. Some of them are killed, and others take their place on the same cache. */
export class Crowd {
  readonly #options: CrowdOptions;
  readonly #live = new Map<number, ClientHandle>();
  readonly #ended: Promise<void>[] = [];
  readonly #counts: (() => Counts)[] = [];
  readonly #outcomes = Object.fromEntries(OUTCOMES.map((name) => [name, 0])) as Record<ReportedOutcome, number>;
  #operations = 0;
  #started = 0;
  #kills = 0;
  #nextKill: number;
  #failure: string | undefined;

  constructor(options: CrowdOptions) {
    this.#options = options;
    this.#nextKill = this.#killAfter();
  }

  /** Operations that have ended. */
  get operations(): number {
    return this.#operations;
  }

  get kills(): number {
    return this.#kills;
  }

  outcomes(): Readonly<Record<ReportedOutcome, number>> {
    return this.#outcomes;
  }

  /** What the clients have counted. */
  faults(): Counts {
    return this.#counts.map((counts) => counts()).reduce(addCounts, {});
  }

  /** Starts all clients, and lets them begin together. */
  async start(): Promise<void> {
    const { count } = this.#options;
    const handles = Array.from({ length: count }, (_, place) => this.#startAt(place));
    await Promise.all(handles.map(({ ready }) => ready));
    this.throwIfFailed();
    for (const handle of handles) handle.go();
  }

  /** Kills a client, and starts another one, whenever the time for it has come. */
  tick(): void {
    this.throwIfFailed();
    if (this.#operations < this.#nextKill) return;
    this.#nextKill = this.#operations + this.#killAfter();
    const { random, sabotage, writer } = this.#options;
    const places = [...this.#live.keys()].filter((place) => sabotage === undefined || place > 0);
    const place = places[Math.floor(random.fraction() * places.length)];
    if (place === undefined) return;
    const victim = this.#live.get(place);
    victim?.kill();
    this.#kills++;
    writer.append({ killed: victim?.orders.name ?? '' });
    const next = this.#startAt(place);
    void next.ready.then(() => next.go());
  }

  /** Lets every client end what it is doing; kills those that do not within `graceMs`. */
  async stop(grace: Promise<unknown>): Promise<void> {
    const last = [...this.#live.values()];
    await Promise.race([Promise.all(last.map(({ ready }) => ready)), grace]);
    for (const handle of last) handle.stop();
    await Promise.race([Promise.all(this.#ended), grace]);
    await this.kill();
  }

  async kill(): Promise<void> {
    for (const handle of this.#live.values()) handle.kill();
    await Promise.all(this.#ended);
  }

  throwIfFailed(): void {
    if (this.#failure === undefined) return;
    throw new JavumboError('internal', `a client of the run ended by itself: ${this.#failure}`);
  }

  #startAt(place: number): ClientHandle {
    const { common, configOf, sabotage, env, directory, seed } = this.#options;
    const number = ++this.#started;
    const name = `c${number}`;
    // The first two share a cache, like processes of one machine; a wrong one has its own.
    const cacheDir = join(directory, `cache-${sabotage === undefined ? Math.max(place, 1) : place}`);
    const handle = new ClientHandle(
      {
        ...common,
        config: configOf(cacheDir),
        name,
        number,
        seed: seed * 1_000 + number * 2,
        isFocused: sabotage !== undefined,
        isImpatient: place % 4 === IMPATIENT,
        stalenessMs: place % 4 === STALE ? STALENESS_MS : 0,
        directory: join(directory, name),
        ...(sabotage !== undefined && place === 0 ? { sabotage } : {}),
      },
      env,
      {
        ended: (outcome) => {
          this.#operations++;
          if (outcome !== undefined) this.#outcomes[outcome]++;
        },
        failed: (reason) => {
          this.#failure ??= `${name}: ${reason}`;
        },
      },
    );
    this.#live.set(place, handle);
    this.#ended.push(handle.ended);
    this.#counts.push(() => handle.faults);
    return handle;
  }

  #killAfter(): number {
    const { random, killEvery } = this.#options;
    return Math.round(killEvery * (0.5 + random.fraction()));
  }
}
