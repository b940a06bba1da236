// Enumerating this many values takes a millisecond; beyond it the normal curve is as good.
const EXACT_MAX = 40;

/** How two samples differ in rank. */
export interface MannWhitney {
  /** Two-sided: how often two samples of one distribution would differ in rank this much. */
  readonly p: number;
  /** The share of pairs in which the right value is greater; ties count half: U / (m n). */
  readonly superiority: number;
}

/**
 * The Mann-Whitney U test (Wilcoxon's rank sum). The p-value is exact, even with ties, for up to 40 values; beyond that it
 * is the normal approximation, corrected for ties and continuity. Without pairs, p is 1 and the superiority a half.
 */
export function mannWhitney(left: readonly number[], right: readonly number[]): MannWhitney {
  const pairs = left.length * right.length;
  if (pairs === 0) return { p: 1, superiority: 0.5 };
  const { doubled, tieSum } = ranksOf([...left, ...right]);
  const rankSum = doubled.slice(0, left.length).reduce((sum, rank) => sum + rank, 0);
  const u = rankSum / 2 - (left.length * (left.length + 1)) / 2;
  const p =
    left.length + right.length <= EXACT_MAX
      ? exactP(doubled, left.length, rankSum)
      : approximateP(left.length, right.length, u, tieSum);
  return { p, superiority: 1 - u / pairs };
}

export function mannWhitneyP(left: readonly number[], right: readonly number[]): number {
  return mannWhitney(left, right).p;
}

/** Returns twice the rank of each value, which makes the middle rank of ties a whole number. */
export function ranksOf(values: readonly number[]): { readonly doubled: number[]; readonly tieSum: number } {
  const order = values.map((_, index) => index).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
  const doubled: number[] = new Array(values.length).fill(0);
  let tieSum = 0;
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end++;
    // Ranks start + 1 to end: twice their mean.
    for (const index of order.slice(start, end)) doubled[index] = start + 1 + end;
    tieSum += (end - start) ** 3 - (end - start);
    start = end;
  }
  return { doubled, tieSum };
}

/** Returns the share of all choices of `size` ranks whose sum is at least as far from the expected one. */
function exactP(doubled: readonly number[], size: number, observed: number): number {
  const most = doubled.reduce((sum, rank) => sum + rank, 0);
  // ways[k][s]: how many choices of k ranks sum to s. At most 40 over 20, which is exact in a double.
  const ways = Array.from({ length: size + 1 }, () => new Float64Array(most + 1));
  (ways[0] as Float64Array)[0] = 1;
  for (const rank of doubled) {
    for (let k = size; k >= 1; k--) {
      const [into, from] = [ways[k] as Float64Array, ways[k - 1] as Float64Array];
      for (let sum = most; sum >= rank; sum--) into[sum] = (into[sum] ?? 0) + (from[sum - rank] ?? 0);
    }
  }
  const expected = (most * size) / doubled.length;
  const distance = Math.abs(observed - expected);
  let [all, extreme] = [0, 0];
  (ways[size] as Float64Array).forEach((count, sum) => {
    all += count;
    // Equal distances must count as equal, although the expected sum may be a fraction.
    if (Math.abs(sum - expected) >= distance - 1e-9) extreme += count;
  });
  return extreme / all;
}

function approximateP(left: number, right: number, u: number, tieSum: number): number {
  const all = left + right;
  const variance = ((left * right) / 12) * (all + 1 - tieSum / (all * (all - 1)));
  if (variance === 0) return 1;
  const z = Math.max(0, Math.abs(u - (left * right) / 2) - 0.5) / Math.sqrt(variance);
  return Math.min(1, complementaryError(z / Math.SQRT2));
}

/** erfc for x >= 0: the Taylor series where it converges fast, else the continued fraction (A&S 7.1.6, 7.1.14). */
function complementaryError(x: number): number {
  if (x < 2) {
    let [term, sum] = [x, x];
    for (let n = 1; term > 1e-17 * sum; n++) {
      term *= (2 * x * x) / (2 * n + 1);
      sum += term;
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
  }
  let fraction = x;
  for (let n = 80; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** Returns the least p-value of samples of these sizes: two of all orders are extreme. */
export function leastPossibleP(left: number, right: number): number {
  let orders = 1;
  for (let index = 1; index <= left; index++) orders *= (right + index) / index;
  return Math.min(1, 2 / orders);
}

/** Holm's correction: keeps the chance of any false alarm among all p-values at that of one. */
export function holmAdjusted(ps: readonly number[]): number[] {
  const order = ps.map((_, index) => index).sort((a, b) => (ps[a] ?? 1) - (ps[b] ?? 1));
  const adjusted: number[] = new Array(ps.length).fill(1);
  let least = 0;
  order.forEach((index, rank) => {
    least = Math.max(least, Math.min(1, (ps[index] ?? 1) * (ps.length - rank)));
    adjusted[index] = least;
  });
  return adjusted;
}
