import type { Clock } from '../../core/clock.ts';
import type { Random } from '../../core/random.ts';

export interface Actor {
  readonly work: () => Promise<void>;
  /** Called before each turn of the actor: if true, it never runs again. */
  readonly dies?: (() => boolean) | undefined;
  readonly onDeath?: (() => void) | undefined;
}

interface Sleeper {
  readonly actor: Actor;
  readonly wakesAt: number;
  /** The order among those that wake at one moment. */
  readonly order: number;
  readonly wake: () => void;
}

const EPOCH = Date.UTC(2026, 10, 22);

/**
 * A simulation's time and turns. Actors run one at a time, and a turn ends when the actor sleeps, so that only the
 * injected randomness decides the interleaving: between two sleeps an actor may do real input and output of any length.
 * Everything slow in the program sleeps on the injected clock: each request, before and after, and each back-off. No
 * two turns happen in the same millisecond.
 */
export class Scheduler implements Clock {
  readonly #random: Random;
  #elapsed = 0;
  #sleepers: Sleeper[] = [];
  #slept = 0;
  #actor: Actor | undefined;
  #endTurn: () => void = () => {};
  #failure: { readonly error: unknown } | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  now(): number {
    return EPOCH + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  /** Sleeps from zero to twice the time, so that the order of actors changes. */
  sleep(milliseconds: number): Promise<void> {
    const actor = this.#actor;
    if (actor === undefined) throw new Error('only actors sleep');
    const wakesAt = this.#elapsed + Math.round(this.#random.fraction() * 2 * milliseconds);
    return new Promise((wake) => {
      this.#sleepers.push({ actor, wakesAt, order: this.#slept++, wake });
      this.#endTurn();
    });
  }

  /** Starts an actor at the next free turn. */
  spawn(actor: Actor): void {
    const wake = (): void => {
      actor.work().then(
        () => this.#endTurn(),
        (error: unknown) => {
          this.#failure ??= { error };
          this.#endTurn();
        },
      );
    };
    this.#sleepers.push({ actor, wakesAt: this.#elapsed, order: this.#slept++, wake });
  }

  /** Runs turns until every actor has ended or died. Throws what an actor throws. */
  async run(): Promise<void> {
    for (let next = this.#takeNext(); next !== undefined; next = this.#takeNext()) {
      this.#elapsed = Math.max(this.#elapsed + 1, next.wakesAt);
      if (next.actor.dies?.() === true) {
        next.actor.onDeath?.();
        continue;
      }
      const { wake } = next;
      this.#actor = next.actor;
      await new Promise<void>((endTurn) => {
        this.#endTurn = endTurn;
        wake();
      });
      this.#actor = undefined;
      if (this.#failure !== undefined) throw this.#failure.error;
    }
  }

  #takeNext(): Sleeper | undefined {
    const next = this.#sleepers.reduce<Sleeper | undefined>(
      (first, sleeper) => (first === undefined || isBefore(sleeper, first) ? sleeper : first),
      undefined,
    );
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next);
    return next;
  }
}

function isBefore(a: Sleeper, b: Sleeper): boolean {
  return a.wakesAt < b.wakesAt || (a.wakesAt === b.wakesAt && a.order < b.order);
}
