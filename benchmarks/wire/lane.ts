/** A link between a client and the store. */
export interface LinkSettings {
  /** The time until the first byte of a reply could arrive, in milliseconds. */
  readonly rttMs: number;
  /** In each direction, in megabits per second; undefined: no limit. */
  readonly megabitsPerSecond?: number | undefined;
}

/**
 * One direction of a link: bytes leave in order at its bandwidth, whatever their connection, and arrive half a round
 * trip later. Pure: takes and returns times in milliseconds.
 */
export class Lane {
  readonly #msPerByte: number;
  readonly #travelMs: number;
  #freeAt = Number.NEGATIVE_INFINITY;

  constructor({ rttMs, megabitsPerSecond }: LinkSettings) {
    this.#msPerByte = msPerByte(megabitsPerSecond);
    this.#travelMs = rttMs / 2;
  }

  /** Returns when the last of these bytes arrives if sent at `now`, which never goes backwards. */
  arrival(bytes: number, now: number): number {
    this.#freeAt = Math.max(now, this.#freeAt) + bytes * this.#msPerByte;
    return this.#freeAt + this.#travelMs;
  }
}

/**
 * Returns the minimum time of sequential requests over a link on an open connection, in milliseconds: a round trip
 * each, plus the bytes of the bodies.
 */
export function floorMs(link: LinkSettings, traffic: { readonly requests: number; readonly bytes: number }): number {
  return traffic.requests * link.rttMs + traffic.bytes * msPerByte(link.megabitsPerSecond);
}

function msPerByte(megabitsPerSecond: number | undefined): number {
  // A megabit per second is 125 bytes per millisecond.
  return megabitsPerSecond === undefined ? 0 : 1 / (megabitsPerSecond * 125);
}
