import { mustHoldsOf, type RunRecord, type ScenarioRecord } from '../record.ts';
import { type Figure, type Measured, type Measurement, type Start, sizeTitle } from '../scenarios/scenario.ts';
import { bytes, count, milliseconds, times } from './figures.ts';

/** Renders the results as a page. `plots`: files and titles by scenario; `data`: the record's file name. */
export function markdownOf(record: RunRecord, data: string, plots: readonly PlotFile[]): string {
  const { environment: e } = record;
  return `${[
    '# Results',
    `Written by \`npm run benchmark\`; all samples are in [${data}](${data}). Times are medians. *Ratio* is week 1's median by ` +
      'ours, with the 95 % interval of a bootstrap: above 1 we are faster. *Floor* is round trips × rtt + bytes ÷ bandwidth, for ' +
      'the requests and bytes (of bodies) that the server counted. *Week 1* is the algorithm of the Python prototype, written ' +
      'anew on the same SDK client and the same SQLite (`benchmarks/baseline/`); links are a proxy with a round-trip time ' +
      'and a bandwidth (`benchmarks/wire/`), and the server runs in a process of its own. `docs/benchmarks-method.md` says ' +
      'more.',
    list([
      `Node ${e.node}, ${e.platform} ${e.arch}, ${e.cpuCount} × ${e.cpuModel}, ${bytes(e.memoryBytes)} of memory`,
      `AWS SDK ${e.sdk}; ${e.engine}; links: ${record.links.map(({ name, title }) => (name === title ? name : `${name} = ${title}`)).join('; ')}`,
    ]),
    '## What must hold',
    mustHoldTable(record),
    ...record.failureReasons.map((reason) => `**Missed:** ${reason}`),
    ...record.doubts.map((doubt) => `*Doubt:* ${doubt}`),
    ...record.scenarios.flatMap((scenario) =>
      sectionOf(
        scenario,
        plots.filter((plot) => plot.scenario === scenario.name),
      ),
    ),
  ].join('\n\n')}\n`;
}

export interface PlotFile {
  readonly scenario: string;
  readonly file: string;
  readonly title: string;
  readonly svg: string;
}

function mustHoldTable({ scenarios }: RunRecord): string {
  const rows = mustHoldsOf(scenarios).map(({ name, expected, actual, passed }) => [
    name,
    expected,
    count(Math.round(actual * 100) / 100) === String(actual) ? String(actual) : actual.toFixed(2),
    passed ? 'met' : '**missed**',
  ]);
  return rows.length === 0 ? 'Nothing that was measured has a limit.' : table(['', 'must be', 'is', ''], rows);
}

function sectionOf(scenario: ScenarioRecord, plots: readonly PlotFile[]): string[] {
  const {
    name,
    question,
    method,
    startedAt,
    durationMs,
    loadAverage,
    commit,
    engine,
    skipped,
    error,
    measurements = [],
    figures = [],
    starts = [],
  } = scenario;
  return [
    `## ${name}`,
    `**${question}** ${method}`,
    ...(engine === undefined ? [] : [`On ${engine}.`]),
    ...(skipped === undefined ? [] : [`**Not measured:** ${skipped}.`]),
    ...(error === undefined ? [] : [`It did not end: ${error}`]),
    ...(measurements.length === 0 ? [] : [measurementTable(measurements)]),
    ...(figures.length === 0 ? [] : [figureTable(figures)]),
    ...(starts.length === 0 ? [] : [startTable(starts)]),
    ...plots.map(({ title, file }) => `![${title}](${file})`),
    `*${startedAt}, ${(durationMs / 1_000).toFixed(0)} s, load ${loadAverage.toFixed(2)} before it, commit ${commit?.slice(0, 12) ?? 'unknown'}.*`,
  ];
}

function measurementTable(measurements: readonly Measurement[]): string {
  const traffic = ({ requests, bytesUp, bytesDown }: Measured): string =>
    `${count(requests)} · ${bytes(bytesUp + bytesDown)}`;
  const overFloor = ({ p50Ms, floorMs }: Measured): string => (floorMs > 0 ? times(p50Ms / floorMs) : '–');
  return table(
    [
      'operation',
      'size',
      'link',
      'ours',
      'week 1',
      'ratio',
      'our floor',
      'ours ÷ floor',
      'our requests · bytes',
      'week 1’s',
    ],
    measurements.map((each) => [
      each.operation,
      sizeTitle(each.sizeBytes),
      each.link,
      milliseconds(each.javumbo.p50Ms),
      milliseconds(each.weekOne.p50Ms),
      `${times(each.timesFaster)} (${times(each.timesFasterLow)}–${times(each.timesFasterHigh)})`,
      milliseconds(each.javumbo.floorMs),
      overFloor(each.javumbo),
      traffic(each.javumbo),
      traffic(each.weekOne),
    ]),
  );
}

function figureTable(figures: readonly Figure[]): string {
  const show = { count, bytes, ms: milliseconds };
  return table(
    ['', 'conditions', 'ours', 'week 1'],
    figures.map(({ name, conditions, unit, javumbo, weekOne }) => [
      name,
      conditions,
      show[unit](javumbo),
      weekOne === undefined ? '–' : show[unit](weekOne),
    ]),
  );
}

function startTable(starts: readonly Start[]): string {
  return table(
    ['command', 'whole process', '`node -e 0`', 'ratio'],
    starts.map(({ command, p50Ms, nodeP50Ms, ratio, ratioLow, ratioHigh }) => [
      `\`${command}\``,
      milliseconds(p50Ms),
      milliseconds(nodeP50Ms),
      `${times(ratio)} (${times(ratioLow)}–${times(ratioHigh)})`,
    ]),
  );
}

function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(headings), line(headings.map(() => '---')), ...rows.map(line)].join('\n');
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}
