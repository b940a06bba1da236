import { formatMs } from '../core/format.ts';

const COLUMNS = 80;
const MS_WIDTH = 9;

// As wide as the samples fill: a column for each would show nothing but gaps.
const WIDTH_MIN = 12;

// Of fewer, a quartile says little, and nothing is called an outlier.
const QUARTILES_MIN = 8;

/**
 * Draws a line for each metric: name, least, how many samples fall where, and greatest. Outliers, which would press all
 * others into one column, are named below it instead: samples that lie beyond the upper quartile by more than three
 * times the distance between the quartiles (Tukey's "far out"). `bars`: characters from nothing to most.
 */
export function histogramLines(metrics: Readonly<Record<string, readonly number[]>>, bars: string): string[] {
  const drawn = Object.entries(metrics).filter(([, samples]) => samples.length > 1);
  const nameWidth = Math.max(0, ...drawn.map(([name]) => name.length));
  const widthMax = COLUMNS - nameWidth - 2 * MS_WIDTH - 3;
  const widthOf = (count: number): number => Math.min(widthMax, Math.max(WIDTH_MIN, Math.ceil(2 * Math.sqrt(count))));
  const widest = Math.max(0, ...drawn.map(([, samples]) => widthOf(samples.length)));
  return drawn.flatMap(([name, samples]) => {
    const fence = fenceOf(samples);
    const inside = samples.filter((sample) => sample <= fence);
    const [least, greatest] = [inside.reduce((a, b) => Math.min(a, b)), inside.reduce((a, b) => Math.max(a, b))];
    const width = widthOf(samples.length);
    const columns = columnsOf(inside, { least, greatest, width }, bars).padEnd(widest);
    const line = `${name.padEnd(nameWidth)} ${formatMs(least).padStart(MS_WIDTH)} ${columns} ${formatMs(greatest)}`;
    return [line, ...outlierLines(samples, fence)];
  });
}

function columnsOf(
  samples: readonly number[],
  { least, greatest, width }: { readonly least: number; readonly greatest: number; readonly width: number },
  bars: string,
): string {
  const counts = new Array<number>(width).fill(0);
  for (const sample of samples) {
    const column = greatest === least ? 0 : Math.floor(((sample - least) / (greatest - least)) * width);
    const index = Math.min(column, width - 1);
    counts[index] = (counts[index] ?? 0) + 1;
  }
  const most = Math.max(...counts);
  const levels = [...bars];
  // One sample is seen beside a million.
  return counts.map((count) => levels[Math.ceil((count / most) * (levels.length - 1))]).join('');
}

function fenceOf(samples: readonly number[]): number {
  if (samples.length < QUARTILES_MIN) return Number.POSITIVE_INFINITY;
  const sorted = [...samples].sort((a, b) => a - b);
  const quartile = (share: number): number => sorted[Math.round((sorted.length - 1) * share)] ?? Number.NaN;
  const [lower, upper] = [quartile(0.25), quartile(0.75)];
  return upper + 3 * (upper - lower);
}

const NAMED_MAX = 3;

function outlierLines(samples: readonly number[], fence: number): string[] {
  const beyond = samples
    .map((sample, index) => ({ sample, number: index + 1 }))
    .filter(({ sample }) => sample > fence)
    .sort((a, b) => b.sample - a.sample);
  if (beyond.length === 0) return [];
  const named = beyond.slice(0, NAMED_MAX).map(({ sample, number }) => `no. ${number} (${formatMs(sample)})`);
  const more = beyond.length > NAMED_MAX ? ` and ${beyond.length - NAMED_MAX} more` : '';
  return [`  beyond it: ${named.join(', ')}${more}`];
}
