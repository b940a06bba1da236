/** Maps values to places from 0 to 1. */
export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly isLogarithmic: boolean;
  /** Round values, from low to high. */
  readonly ticks: readonly number[];
  at(value: number): number;
  /** The inverse of `at`. */
  valueAt(place: number): number;
}

// From here on a linear axis shows the small values as one line,
const SPAN_MAX = 50;
// or half of all in its first eighth.
const TAIL_MAX = 8;
const STEPS = 5;

/**
 * Returns a scale for values from `least` to `most` of which half are below `median`. It is logarithmic where all are
 * positive, and they span more than 50× or the greatest is more than 8 times the median.
 */
export function scaleFor(least: number, most: number, median = most): Scale {
  const isWide = most > SPAN_MAX * least || most > TAIL_MAX * median;
  return least > 0 && isWide ? logarithmic(least, most) : linear(least, most);
}

/** Returns a linear scale whose ticks are whole numbers, for counts from 0. */
export function countScale(most: number): Scale {
  return linear(0, Math.max(most, 1), 1);
}

/** Returns a linear scale from 0 to exactly the last of so many places. */
export function placeScale(count: number): Scale {
  const { ticks, ...scale } = countScale(count);
  return { ...scale, ...between(0, count), ticks: ticks.filter((tick) => tick <= count) };
}

function linear(least: number, most: number, stepMin = 0): Scale {
  // A range that comes near 0 begins there. One value has a range around it.
  const from = least < most * 0.4 ? 0 : least === most ? least * 0.9 : least;
  const to = least === most ? most * 1.1 || 1 : most;
  const step = Math.max(stepMin, niceStep((to - from) / STEPS));
  const first = Math.floor(from / step + 1e-9);
  const last = Math.max(Math.ceil(to / step - 1e-9), first + 1);
  return {
    ...between(round(first * step), round(last * step)),
    isLogarithmic: false,
    ticks: Array.from({ length: last - first + 1 }, (_, index) => round((first + index) * step)),
  };
}

function between(low: number, high: number): Pick<Scale, 'low' | 'high' | 'at' | 'valueAt'> {
  return {
    low,
    high,
    at: (value) => (value - low) / (high - low),
    valueAt: (place) => low + place * (high - low),
  };
}

function logarithmic(least: number, most: number): Scale {
  const [low, high] = [roundDown(least), niceStep(most)];
  const span = Math.log(high / low);
  const decades = Math.log10(high / low);
  const steps = decades < 2.5 ? [1, 2, 5] : [1];
  const every = Math.ceil(decades / 7);
  const first = Math.floor(Math.log10(low) + 1e-9);
  const powers = Array.from({ length: Math.ceil(decades) + 1 }, (_, index) => first + index);
  return {
    low,
    high,
    isLogarithmic: true,
    ticks: powers
      .filter((_, index) => index % every === 0)
      .flatMap((power) => steps.map((step) => round(step * 10 ** power)))
      .filter((tick) => tick >= low && tick <= high),
    at: (value) => Math.log(value / low) / span,
    valueAt: (place) => low * Math.exp(place * span),
  };
}

/** 1, 2 or 5 times a power of ten: the first that is not below `step`. */
function niceStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  return round((MANTISSAS.find((mantissa) => mantissa * power >= step * (1 - 1e-9)) ?? 10) * power);
}

const MANTISSAS = [1, 2, 5, 10];

function roundDown(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
  return round((MANTISSAS.findLast((mantissa) => mantissa * power <= value * (1 + 1e-9)) ?? 1) * power);
}

/** Drops what adding binary fractions leaves: 0.30000000000000004. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}
