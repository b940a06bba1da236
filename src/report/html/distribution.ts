import type { Scale } from './scale.ts';

/** How many samples lie from `low` to below `high`; the last bin of all has its end too. */
export interface Bin {
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

const BINS_MIN = 12;
const BINS_MAX = 60;

/** Counts samples in bins that are equally wide on the scale, from one end to the other. Every sample is in one. */
export function binsOf(samples: readonly number[], scale: Scale, size: number): Bin[] {
  const counts = new Array<number>(size).fill(0);
  for (const sample of samples) {
    const index = Math.min(size - 1, Math.max(0, Math.floor(scale.at(sample) * size)));
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts.map((count, index) => ({
    low: scale.valueAt(index / size),
    high: scale.valueAt((index + 1) / size),
    count,
  }));
}

/**
 * Twice the square root of the samples, since some bins lie beyond them, within what a picture can show. On a logarithmic
 * axis twice as many: most samples share a part of it.
 */
export function binCount(samples: number, { isLogarithmic }: Pick<Scale, 'isLogarithmic'>): number {
  const some = Math.max(BINS_MIN, Math.ceil(2 * Math.sqrt(samples)));
  return Math.min(BINS_MAX, isLogarithmic ? 2 * some : some);
}

/** A stretch of samples in the order in which they were taken: of one, or of several that share a column. */
export interface Stretch {
  /** Of the first, counted from 1. */
  readonly from: number;
  readonly to: number;
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** Puts samples into at most so many columns, in their order, each with its extremes. */
export function courseOf(samples: readonly number[], columns: number): Stretch[] {
  const count = Math.min(columns, samples.length);
  return Array.from({ length: count }, (_, column) => {
    const from = Math.floor((column * samples.length) / count);
    const to = Math.floor(((column + 1) * samples.length) / count);
    const sorted = samples.slice(from, to).sort((a, b) => a - b);
    return { from: from + 1, to, min: at(sorted, 0), median: at(sorted, (to - from - 1) >> 1), max: at(sorted, -1) };
  });
}

/** The share of samples at or below a value. */
export interface Share {
  readonly value: number;
  readonly share: number;
}

/** Returns the steps of the cumulative distribution: of each sample, or of so many ranks with both ends. */
export function cumulativeOf(sorted: readonly number[], steps: number): Share[] {
  const count = Math.min(steps, sorted.length);
  return Array.from({ length: count }, (_, index) => {
    const rank = count === 1 ? sorted.length : 1 + Math.round((index * (sorted.length - 1)) / (count - 1));
    return { value: at(sorted, rank - 1), share: rank / sorted.length };
  });
}

export interface Outlier {
  /** Its place in the order in which samples were taken, counted from 1. */
  readonly place: number;
  readonly value: number;
}

// Tukey's "far out". At 1.5, seven in a thousand samples of a normal distribution would be called outliers.
const FENCE = 3;
const SAMPLES_MIN = 8;

/**
 * Returns samples beyond three times the interquartile range from the middle half, the farthest first. Of fewer than
 * eight samples there are none: their quartiles say nothing.
 */
export function outliersOf(samples: readonly number[], sorted: readonly number[]): Outlier[] {
  if (samples.length < SAMPLES_MIN) return [];
  const quartile = (share: number): number => at(sorted, Math.round((sorted.length - 1) * share));
  const [low, high] = [quartile(0.25), quartile(0.75)];
  const reach = FENCE * (high - low);
  const distance = ({ value }: Outlier): number => Math.max(value - high, low - value);
  return samples
    .flatMap((value, index) => (value > high + reach || value < low - reach ? [{ place: index + 1, value }] : []))
    .sort((a, b) => distance(b) - distance(a));
}

function at(values: readonly number[], index: number): number {
  return values.at(index) ?? Number.NaN;
}
