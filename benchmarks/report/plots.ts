/** Draws bars and lines as SVG, without a library. */

export interface Series {
  readonly name: string;
  readonly colour: string;
}

// Everyone can tell blue from orange, and grey is neither.
export const JAVUMBO: Series = { name: 'javumbo', colour: '#0072b2' };
export const WEEK_ONE: Series = { name: 'week 1', colour: '#e69f00' };
export const FLOOR: Series = { name: 'floor', colour: '#666666' };

export interface BarGroup {
  readonly label: string;
  /** One per series; the text follows the bar. */
  readonly bars: readonly { readonly value: number; readonly text: string }[];
  /** The positions of marks across the bars: the floor. */
  readonly marks?: readonly number[];
}

const WIDTH = 760;
const LEFT = 215;
const RIGHT = 110;
const BAR = 14;

/** Draws grouped horizontal bars. `axis`: quantity and unit. */
export function barChart(
  title: string,
  axis: string,
  series: readonly Series[],
  groups: readonly BarGroup[],
  marked: boolean,
): string {
  const most = Math.max(
    ...groups.flatMap(({ bars, marks = [] }) => [...bars.map(({ value }) => value), ...marks]),
    1e-9,
  );
  const x = (value: number): number => LEFT + (value / most) * (WIDTH - LEFT - RIGHT);
  const groupHeight = series.length * (BAR + 2) + 12;
  const top = 64;
  const body = groups.flatMap(({ label, bars, marks = [] }, group) => {
    const y = top + group * groupHeight;
    return [
      text(LEFT - 8, y + (series.length * (BAR + 2)) / 2 + 4, label, 'end'),
      ...bars.flatMap(({ value, text: behind }, index) => {
        const barY = y + index * (BAR + 2);
        const mark = marks[index];
        const end = x(Math.max(value, mark ?? 0));
        return [
          `<rect x="${LEFT}" y="${barY}" width="${n(Math.max(x(value) - LEFT, 1))}" height="${BAR}" fill="${series[index]?.colour}"/>`,
          ...(mark === undefined ? [] : [line(x(mark), barY - 1, x(mark), barY + BAR + 1, '#000000')]),
          text(end + 6, barY + BAR - 3, behind, 'start'),
        ];
      }),
    ];
  });
  const named = marked ? [...series, { name: 'floor (black mark)', colour: '#000000' }] : series;
  const bottom = top + groups.length * groupHeight;
  return svg(bottom + 26, [
    heading(title),
    ...legend(named),
    ...body,
    text(LEFT, bottom + 12, `${axis}, from 0`, 'start'),
  ]);
}

export interface LinePlot extends Series {
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly dashed?: boolean;
}

/** An axis: its quantity, and its values with units. */
export interface Axis {
  readonly name: string;
  readonly tick: (value: number) => string;
}

/** Draws lines over logarithmic axes. */
export function logLogChart(
  title: string,
  lines: readonly LinePlot[],
  axes: { readonly x: Axis; readonly y: Axis },
): string {
  const points = lines.flatMap((each) => each.points);
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const height = 420;
  const [bottom, top, left, right] = [height - 62, 92, 80, WIDTH - 30];
  const yLow = 10 ** Math.floor(Math.log10(Math.min(...ys)));
  const yHigh = 10 ** Math.ceil(Math.log10(Math.max(...ys)));
  const scale = (value: number, [low, high]: [number, number], [from, to]: [number, number]): number =>
    from + (Math.log(value / low) / Math.log(high / low || Math.E)) * (to - from);
  const x = (value: number): number => scale(value, [Math.min(...xs), Math.max(...xs)], [left + 10, right - 10]);
  const y = (value: number): number => scale(value, [yLow, yHigh], [bottom, top]);
  const rows = Array.from({ length: Math.round(Math.log10(yHigh / yLow)) + 1 }, (_, power) => yLow * 10 ** power);
  return svg(height, [
    heading(title),
    ...legend(lines),
    text(16, top - 18, `${axes.y.name}, logarithmic`, 'start'),
    text((left + right) / 2, bottom + 44, `${axes.x.name}, logarithmic`, 'middle'),
    ...rows.flatMap((value) => [
      line(left, y(value), right, y(value), '#dddddd'),
      text(left - 6, y(value) + 4, axes.y.tick(value), 'end'),
    ]),
    ...[...new Set(xs)].map((value) => text(x(value), bottom + 20, axes.x.tick(value), 'middle')),
    ...lines.flatMap(({ points: path, colour, dashed }) => [
      `<polyline fill="none" stroke="${colour}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ''} points="${path
        .map(([px, py]) => `${n(x(px))},${n(y(py))}`)
        .join(' ')}"/>`,
      ...(dashed ? [] : path.map(([px, py]) => `<circle cx="${n(x(px))}" cy="${n(y(py))}" r="3.5" fill="${colour}"/>`)),
    ]),
  ]);
}

function svg(height: number, parts: readonly string[]): string {
  // An explicit background: pages may be dark.
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}

function heading(title: string): string {
  return `<text x="16" y="24" font-size="15" font-weight="bold">${escaped(title)}</text>`;
}

function legend(series: readonly (Series & { readonly dashed?: boolean })[]): string[] {
  let x = 16;
  return series.flatMap(({ name, colour }) => {
    const at = x;
    x += 34 + name.length * 7;
    return [`<rect x="${at}" y="36" width="12" height="12" fill="${colour}"/>`, text(at + 18, 46, name, 'start')];
  });
}

function line(x1: number, y1: number, x2: number, y2: number, colour: string): string {
  return `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${colour}" stroke-width="1.5"/>`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function n(value: number): string {
  return value.toFixed(1);
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
