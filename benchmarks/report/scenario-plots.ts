import type { RunRecord } from '../record.ts';
import { type Measurement, sizeTitle } from '../scenarios/scenario.ts';
import { LINKS } from '../wire/links.ts';
import { count, milliseconds } from './figures.ts';
import type { PlotFile } from './markdown.ts';
import { type BarGroup, barChart, FLOOR, JAVUMBO, type LinePlot, logLogChart, WEEK_ONE } from './plots.ts';

/** The plots of what a run has measured. */
export function plotsOf({ scenarios }: Pick<RunRecord, 'scenarios'>): PlotFile[] {
  return scenarios.flatMap(({ name, measurements = [], figures = [] }): PlotFile[] => {
    switch (name) {
      case 'operations':
        return LINKS.flatMap((link) => {
          const smallest = Math.min(...measurements.map(({ sizeBytes }) => sizeBytes));
          const shown = measurements.filter((each) => each.link === link.name && each.sizeBytes === smallest);
          if (shown.length === 0) return [];
          const title = `Operations on ${sizeTitle(smallest)}; link: ${link.title}`;
          const svg = barChart(title, [JAVUMBO, WEEK_ONE], shown.map(barsOf), link.rttMs > 0);
          return [{ scenario: name, file: `operations-${link.name}.svg`, title, svg }];
        });
      case 'database-size':
        return ['one-row write', 'stale read'].flatMap((operation) => {
          const shown = measurements.filter((each) => each.operation === operation && each.link === 'near');
          if (shown.length === 0) return [];
          const title = `Time of a ${operation} by the size of the database; 20 ms, 1 Gbit/s`;
          const svg = logLogChart(title, linesOf(shown), { x: sizeTitle, y: milliseconds });
          return [{ scenario: name, file: `database-size-${operation.replaceAll(' ', '-')}.svg`, title, svg }];
        });
      case 'contention': {
        const groups = figures
          .filter((figure) => figure.name === 'lost' || figure.name === 'wasted uploads')
          .map(({ name: label, conditions, javumbo, weekOne }): BarGroup => {
            const bars = [javumbo, weekOne].map((value) => ({ value, text: count(value) }));
            return { label: `${label}, ${conditions}`, bars };
          });
        const title = 'Acknowledged changes that were lost, and uploads that were wasted';
        if (groups.length === 0) return [];
        return [
          { scenario: name, file: 'contention.svg', title, svg: barChart(title, [JAVUMBO, WEEK_ONE], groups, false) },
        ];
      }
      default:
        return [];
    }
  });
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
