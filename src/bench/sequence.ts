import { countsSince, type RequestCounts } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { FigureNames } from '../report/threshold.ts';
import type { Requester } from './requester.ts';
import { type Figures, type Metric, metricsOf } from './stats.ts';

/** What a sequence of requests works with. */
export interface SequenceInputs {
  readonly requester: Requester;
  readonly username: string;
  /** How many requests to make of each kind. */
  readonly count: number;
  /** Who comes in turn, and for what, in sequences of several users; default: that user reads. */
  readonly visits?: readonly { readonly username: string; readonly reads: boolean }[] | undefined;
  /** Reads the database without a cache. */
  readonly databases: UserDatabases;
  /** Returns what the deployment has asked of the store so far. */
  readonly requests: () => RequestCounts;
  /** Called with what comes next. */
  readonly onProgress?: ((text: string) => void) | undefined;
}

/** Keeps and shows what the requests of one run measure. */
export interface Recorder {
  /** Says what comes next. */
  show(text: string): void;
  /** Adds the samples of a finished request to the metrics that the sequence declares. */
  record(samples: Readonly<Record<string, number>>, hit?: boolean): void;
  metrics(): Readonly<Record<string, Metric>>;
  /** Returns the mean of a metric, or NaN where it has no samples. */
  mean(metric: string): number;
}

/** A benchmark that makes one request after the other: a closed loop. */
export interface Sequence {
  /** Everything it may measure. */
  readonly figures: FigureNames;
  /** Makes and records the requests. Returns the figures derived from them. */
  run(inputs: SequenceInputs, recorder: Recorder): Promise<Readonly<Record<string, number>>>;
}

/** What the requests made so far have measured. */
export interface MeasuredRequests {
  readonly metrics: Readonly<Record<string, Metric>>;
  /** Whether the cache served each request, in sequences that tell. */
  readonly hits?: readonly boolean[];
  readonly requests: RequestCounts;
}

export interface MeasuredSequence extends MeasuredRequests, Figures {
  /** How many requests were made. */
  readonly operations: number;
}

/** Runs a sequence. Hands `measuring` a function that returns what has been measured, in case the run is cut short. */
export async function measureSequence(
  { figures, run }: Sequence,
  inputs: SequenceInputs,
  measuring: (soFar: () => MeasuredRequests) => void = () => {},
): Promise<MeasuredSequence> {
  const samples: Record<string, number[]> = Object.fromEntries(figures.metrics.map((name) => [name, []]));
  const hits: boolean[] = [];
  const before = inputs.requests();
  // Counts end with the last sample, so that they belong to the requests that were measured.
  let after = before;
  let operations = 0;
  const metrics = (): Record<string, Metric> => metricsOf(samples);
  const soFar = (): MeasuredRequests => ({
    metrics: metrics(),
    ...(hits.length === 0 ? {} : { hits }),
    requests: countsSince(before, after),
  });
  measuring(soFar);
  const derived = await run(inputs, {
    show: (text) => inputs.onProgress?.(text),
    record: (measured, hit) => {
      for (const [name, sample] of Object.entries(measured)) samples[name]?.push(sample);
      if (hit !== undefined) hits.push(hit);
      after = inputs.requests();
      operations++;
    },
    metrics,
    mean: (metric) => metrics()[metric]?.mean ?? Number.NaN,
  });
  return { ...soFar(), derived, operations };
}

/** How much faster a warm request is than a cold one. */
export function gainOf(coldMs: number, warmMs: number): Record<'speedup' | 'savedMs' | 'reductionPercent', number> {
  return { speedup: coldMs / warmMs, savedMs: coldMs - warmMs, reductionPercent: (1 - warmMs / coldMs) * 100 };
}
