import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { AnsweredCall, FunctionClient } from '../function/client.ts';
import type { FunctionTimings } from '../function/protocol.ts';
import type { Caching, Requester, RequestTimes, TimedRead, TimedWrite } from './requester.ts';
import { type Figures, metricsOf } from './stats.ts';

export interface FunctionRequesterOptions {
  readonly client: FunctionClient;
  readonly clock: Clock;
  /** The allowed staleness; undefined: the function's own. */
  readonly stalenessSeconds: number | undefined;
}

/**
 * Makes requests by calling the function, which measures their phases. A write adds a note. Throws `unavailable` for a
 * stored write whose answer, with the phases, got lost.
 */
export class FunctionRequester implements Requester {
  readonly #options: FunctionRequesterOptions;
  readonly #invocationMs: number[] = [];
  #writes = 0;

  constructor(options: FunctionRequesterOptions) {
    this.#options = options;
  }

  async read(username: string, caching: Caching): Promise<TimedRead> {
    const { client, stalenessSeconds } = this.#options;
    const request = { operation: 'read', username, cache: caching, stalenessSeconds } as const;
    const { result, timings } = await this.#timed(() => client.call(request));
    return { hit: result.fromCache, ...phasesOf(timings) };
  }

  async write(username: string, caching: Caching): Promise<TimedWrite> {
    const fields = [`Front ${++this.#writes}`, 'added by a benchmark'];
    const request = { username, cache: caching, fields, retries: 0 };
    const { result, timings } = await this.#timed(() => this.#options.client.write(request));
    const { version, sizeBeforeBytes } = result;
    if (sizeBeforeBytes === undefined) {
      throw new JavumboError(
        'unavailable',
        `the answer to a write of "${username}" got lost: it is stored, and nobody knows how long it took`,
        { try: 'the same benchmark again', username },
      );
    }
    return { version, sizeBeforeBytes, ...phasesOf(timings) };
  }

  /** Returns how long the calls took for their caller, and in which containers they ran. */
  figures(): FunctionFigures {
    return { ...containerFigures(this.#options.client.answers()), invocationMs: [...this.#invocationMs] };
  }

  async #timed<T>(call: () => Promise<T>): Promise<T> {
    const startedAt = this.#options.clock.monotonic();
    const answer = await call();
    this.#invocationMs.push(this.#options.clock.monotonic() - startedAt);
    return answer;
  }
}

export interface ContainerFigures {
  readonly containers: number;
  /** Calls that were the first of their container. */
  readonly coldStarts: number;
  readonly warmCalls: number;
  /** How long the containers took to be ready for their first call. */
  readonly initMs: readonly number[];
}

export interface FunctionFigures extends ContainerFigures {
  readonly invocationMs: readonly number[];
}

export function containerFigures(answers: readonly AnsweredCall[]): ContainerFigures {
  const cold = answers.filter(({ container }) => !container.warm);
  return {
    containers: new Set(answers.map(({ container }) => container.id)).size,
    coldStarts: cold.length,
    warmCalls: answers.length - cold.length,
    initMs: cold.map(({ container }) => container.initMs),
  };
}

/** Returns the figures that `commands/bench/via.ts` declares. */
export function functionFigures({ invocationMs, initMs, ...derived }: FunctionFigures): Figures {
  return { metrics: metricsOf({ invocationMs, initMs }), derived };
}

function phasesOf({ downloadMs = 0, queryMs = 0, uploadMs = 0 }: FunctionTimings): RequestTimes {
  return { downloadMs, queryMs, uploadMs, totalMs: downloadMs + queryMs + uploadMs };
}
