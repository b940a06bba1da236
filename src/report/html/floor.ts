import { formatMs } from '../../core/format.ts';
import type { Report } from '../document.ts';
import { figureOf, n, picture, WIDTH, widthOf } from './chart.ts';
import { html, type Markup } from './markup.ts';
import { scaleFor } from './scale.ts';
import { number } from './text.ts';

/** What an operation cannot take less than: its requests, one after the other, and nothing else. */
export interface Floor {
  /** Requests of one operation, by their name, where there were any. */
  readonly requests: Readonly<Record<string, number>>;
  readonly roundTripMs: number;
  readonly floorMs: number;
  /** The metric that times a whole operation. */
  readonly metric: string;
  readonly meanMs: number;
}

const KINDS = ['get', 'put', 'head', 'delete', 'list'] as const;

/** Returns the floor of one operation; a text says why there is none, and undefined that none could be expected. */
export function floorOf(report: Report): Floor | string | undefined {
  const { kind, requests: counts, cost, deployment, workers } = report;
  if (kind !== 'bench' || cost === undefined) return undefined;
  if (workers !== undefined)
    return 'The changes of a race wait for each other, so their requests do not add up to a floor.';
  const { rttMs: roundTripMs } = deployment;
  if (roundTripMs === undefined) return 'The report does not know the round trip of this link, so there is no floor.';
  // Whole operations are as many as were priced; of their phases, which may be too, none takes longer.
  const [whole] = Object.entries(report.metrics)
    .filter(([, { count, unit }]) => count === cost.operations && unit === 'ms')
    .sort(([, a], [, b]) => b.mean - a.mean);
  if (whole === undefined)
    return 'No metric times each of the priced operations, so there is no floor to compare with.';
  const requests = Object.fromEntries(
    KINDS.flatMap((name) => (counts[name] === 0 ? [] : [[name.toUpperCase(), counts[name] / cost.operations]])),
  );
  const floorMs = Object.values(requests).reduce((sum, each) => sum + each, 0) * roundTripMs;
  const [metric, { mean: meanMs }] = whole;
  if (meanMs < floorMs) return 'Requests overlapped: the mean is below what they take one after the other.';
  return { requests, roundTripMs, floorMs, metric, meanMs };
}

const BAR = { y: 30, height: 26 };
const COLOURS = ['first', 'second', 'third', 'first', 'second'] as const;

/** Draws the mean of an operation as its floor, in round trips, and the rest. */
export function floorChart({ requests, roundTripMs, floorMs, metric, meanMs }: Floor): Markup {
  const scale = scaleFor(0, meanMs);
  const x = (value: number): number => 8 + scale.at(value) * (WIDTH - 40);
  let from = 0;
  const parts = [
    ...Object.entries(requests).map(([name, count], index) => ({
      name: `${number(count)} ${name}`,
      ms: count * roundTripMs,
      colour: COLOURS[index] ?? 'first',
    })),
    { name: 'the rest', ms: meanMs - floorMs, colour: 'rest' },
  ].map((part) => {
    const start = from;
    from += part.ms;
    return { ...part, start };
  });
  const drawing = picture(
    {
      title: `Floor of ${metric}`,
      description: `A mean of ${formatMs(meanMs)}, of which ${formatMs(floorMs)} are round trips.`,
    },
    WIDTH,
    96,
    [
      parts.map(({ name, ms, colour, start }) => {
        const width = Math.max(x(start + ms) - x(start), 0.5);
        const label = ms > 0 && widthOf(name) < width ? labelIn(x(start) + width / 2, name) : undefined;
        return html`<rect class="${colour} fill" x="${n(x(start))}" y="${BAR.y}" width="${n(width)}" height="${BAR.height}"><title>${name}: ${formatMs(ms)}</title></rect>${label}`;
      }),
      html`<line class="marker" x1="${n(x(floorMs))}" x2="${n(x(floorMs))}" y1="22" y2="60"/><text class="mark" x="${n(Math.max(x(floorMs), widthOf(`floor ${formatMs(floorMs)}`)))}" y="16" text-anchor="end">floor ${formatMs(floorMs)}</text>`,
      scale.ticks.map(
        (tick) => html`<text class="tick" x="${n(x(tick))}" y="74" text-anchor="middle">${number(tick)}</text>`,
      ),
      html`<text class="name" x="${WIDTH - 20}" y="92" text-anchor="end">milliseconds</text>`,
    ],
  );
  const sum = Object.entries(requests).map(([name, count]) => `${number(count)} ${name}`);
  return figureOf(
    `${metric}: mean ${formatMs(meanMs)}`,
    drawing,
    `${formatMs(floorMs)} are ${sum.join(' + ') || 'no request'}, times a round trip of ${formatMs(roundTripMs)}; ${formatMs(meanMs - floorMs)} (${number(((meanMs - floorMs) / meanMs) * 100)} %) are everything else.`,
  );
}

function labelIn(x: number, text: string): Markup {
  return html`<text class="on-series" x="${n(x)}" y="${BAR.y + 17}" text-anchor="middle">${text}</text>`;
}
