import type { RunRecord } from '../record.ts';
import { type Figure, type Measurement, sizeTitle } from '../scenarios/scenario.ts';
import { LINKS } from '../wire/links.ts';
import { count, milliseconds } from './figures.ts';
import type { PlotFile } from './markdown.ts';
import { type BarGroup, barChart, FLOOR, JAVUMBO, type LinePlot, logLogChart, WEEK_ONE } from './plots.ts';

/** Returns the plots of a run. */
export function plotsOf({ scenarios }: Pick<RunRecord, 'scenarios'>): PlotFile[] {
  return scenarios.flatMap(({ name, measurements = [], figures = [] }): PlotFile[] => {
    switch (name) {
      case 'operations':
        return LINKS.flatMap((link) => {
          const smallest = Math.min(...measurements.map(({ sizeBytes }) => sizeBytes));
          const shown = measurements.filter((each) => each.link === link.name && each.sizeBytes === smallest);
          if (shown.length === 0) return [];
          const title = `Operations on ${sizeTitle(smallest)}; link: ${link.title}`;
          const svg = barChart(
            title,
            'median time of one operation',
            [JAVUMBO, WEEK_ONE],
            shown.map(barsOf),
            link.rttMs > 0,
          );
          return [{ scenario: name, file: `operations-${link.name}.svg`, title, svg }];
        });
      case 'database-size':
        return ['one-row write', 'stale read'].flatMap((operation) => {
          const shown = measurements.filter((each) => each.operation === operation && each.link === 'near');
          if (shown.length === 0) return [];
          const title = `Time of a ${operation} by the size of the database; 20 ms, 1 Gbit/s`;
          const svg = logLogChart(title, linesOf(shown), {
            x: { name: 'size of the database', tick: sizeTitle },
            y: { name: 'median time', tick: milliseconds },
          });
          return [{ scenario: name, file: `database-size-${operation.replaceAll(' ', '-')}.svg`, title, svg }];
        });
      case 'contention':
        return CONTENTION_PLOTS.flatMap(({ figure, title, axis, file }) => {
          const groups = figures.filter((each) => each.name === figure).map(countsOf);
          if (groups.length === 0) return [];
          return [{ scenario: name, file, title, svg: barChart(title, axis, [JAVUMBO, WEEK_ONE], groups, false) }];
        });
      default:
        return [];
    }
  });
}

// Separate: lost updates are the point, and would be invisible beside the uploads.
const CONTENTION_PLOTS = [
  {
    figure: 'lost',
    file: 'contention-lost.svg',
    title: 'Changes that were acknowledged and lost',
    axis: 'changes lost',
  },
  {
    figure: 'wasted uploads',
    file: 'contention-wasted.svg',
    title: 'Uploads that were refused or overwritten',
    axis: 'uploads wasted',
  },
] as const;

function countsOf({ conditions, javumbo, weekOne }: Figure): BarGroup {
  return {
    label: conditions,
    bars: [javumbo, weekOne].flatMap((value) => (value === undefined ? [] : [{ value, text: count(value) }])),
  };
}

function barsOf({ operation, javumbo, weekOne }: Measurement): BarGroup {
  return {
    label: operation,
    bars: [javumbo, weekOne].map(({ p50Ms }) => ({ value: p50Ms, text: milliseconds(p50Ms) })),
    ...(javumbo.floorMs + weekOne.floorMs > 0 ? { marks: [javumbo.floorMs, weekOne.floorMs] } : {}),
  };
}

function linesOf(measurements: readonly Measurement[]): LinePlot[] {
  const over = (value: (each: Measurement) => number): (readonly [number, number])[] =>
    measurements.map((each) => [each.sizeBytes, value(each)]);
  return [
    { ...JAVUMBO, points: over(({ javumbo }) => javumbo.p50Ms) },
    { ...WEEK_ONE, points: over(({ weekOne }) => weekOne.p50Ms) },
    { ...FLOOR, name: 'our floor (dashed)', points: over(({ javumbo }) => javumbo.floorMs), dashed: true },
  ];
}
