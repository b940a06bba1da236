/** A link between a client and the store. */
export interface LinkSettings {
  /** Until the first byte of a reply could be back, in milliseconds. */
  readonly rttMs: number;
  /** In each direction, in megabits per second; undefined: no limit. */
  readonly megabitsPerSecond?: number | undefined;
}

/**
 * One direction of a link: bytes leave one after another at its bandwidth, whichever connection they belong to, and
 * arrive half a round trip after they have left. Pure: times come in and go out, in milliseconds.
 */
export class Lane {
  readonly #msPerByte: number;
  readonly #travelMs: number;
  #freeAt = Number.NEGATIVE_INFINITY;

  constructor({ rttMs, megabitsPerSecond }: LinkSettings) {
    this.#msPerByte = msPerByte(megabitsPerSecond);
    this.#travelMs = rttMs / 2;
  }

  /** When the last of these bytes arrives, if they are handed over at `now`. Times handed in never go backwards. */
  arrival(bytes: number, now: number): number {
    this.#freeAt = Math.max(now, this.#freeAt) + bytes * this.#msPerByte;
    return this.#freeAt + this.#travelMs;
  }
}

/**
 * The least that requests one after another can take over a link on an open connection, in milliseconds: a round trip
 * for each, and the bytes of the bodies.
 */
export function floorMs(link: LinkSettings, traffic: { readonly requests: number; readonly bytes: number }): number {
  return traffic.requests * link.rttMs + traffic.bytes * msPerByte(link.megabitsPerSecond);
}

function msPerByte(megabitsPerSecond: number | undefined): number {
  // A megabit per second is 125 bytes in a millisecond.
  return megabitsPerSecond === undefined ? 0 : 1 / (megabitsPerSecond * 125);
}
