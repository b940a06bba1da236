import { figureText } from '../core/format.ts';
import type { Report } from '../report/document.ts';
import { samplesFor } from '../report/percentiles.ts';
import { judgeThreshold, percentileOf, type Threshold } from '../report/threshold.ts';
import { BUSY_MAX_PERCENT, type MeasuredLoad } from './load.ts';

export type LoadStep = NonNullable<Report['steps']>[number];

/** Judges a load at one rate: whether the objective holds, and what broke it, if not: the client or the deployment. */
export function stepOf(measured: MeasuredLoad, objective: Threshold): LoadStep {
  const { ratePerSecond, derived, failures } = measured;
  const { completedPerSecond = 0, clientBusyPercent = 0 } = derived;
  const { passed, actual, reason: unjudged } = judgeThreshold(objective, measured);
  const missed = unjudged ?? `${objective.figure} is ${actual === undefined ? 'not measured' : figureText(actual)}`;
  const client = clientsFault(measured, objective);
  const reason = client ?? failures[0] ?? (passed ? undefined : missed);
  return {
    ratePerSecond,
    held: reason === undefined,
    ...(actual === undefined ? {} : { actual }),
    completedPerSecond,
    clientBusyPercent,
    ...(reason === undefined ? {} : { limit: client === undefined ? 'deployment' : 'client', reason }),
  };
}

/** Returns how many samples an objective's percentile needs: of fewer, it would be the maximum. */
function samplesNeeded({ figure }: Threshold): number {
  const percentile = percentileOf(figure);
  return percentile === undefined ? 1 : samplesFor(percentile);
}

/**
 * Returns how long to try a rate: as planned, or longer where an objective's percentile would have too few samples.
 * `share`: how many of the requests are samples.
 */
export function stepDurationMs(
  ratePerSecond: number,
  {
    plannedMs,
    share,
    objective,
  }: { readonly plannedMs: number; readonly share: number; readonly objective: Threshold },
): number {
  // What never comes has no samples, however long it takes.
  if (share === 0) return plannedMs;
  const least = samplesNeeded(objective);
  // Which requests read and which write is drawn, so there may be fewer of one kind than its share.
  const margin = share === 1 ? 0 : 4 * Math.sqrt(least);
  return Math.max(plannedMs, Math.ceil(((least + margin) / share / ratePerSecond) * 1000));
}

/**
 * Returns why the client was the limit, if it was. A busy event loop makes every figure its own. Where requests waited in
 * the client, that decided if the objective holds for them from their start: else the deployment was too slow anyway.
 */
function clientsFault(measured: MeasuredLoad, objective: Threshold): string | undefined {
  const { saturation, derived, fromStart } = measured;
  if (saturation === undefined) return undefined;
  const isBusy = (derived.clientBusyPercent ?? 0) > BUSY_MAX_PERCENT;
  const isSlowAnyway = !judgeThreshold(objective, { ...measured, metrics: { ...measured.metrics, ...fromStart } })
    .passed;
  return isBusy || !isSlowAnyway ? `the client was the limit: ${saturation}` : undefined;
}
