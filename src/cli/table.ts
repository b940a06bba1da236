import CliTable from 'cli-table3';
import { visible } from '../core/format.ts';
import { type Cell, isNumeric, isWhole, textForPeople } from './cells.ts';
import { cut, displayWidth, wrapped } from './display-width.ts';
import type { Paint } from './paint.ts';

export interface Table {
  /** Undefined for a list of names and values. */
  readonly head?: readonly string[] | undefined;
  readonly rows: readonly (readonly Cell[])[];
}

/** How rows are laid out: below their titles, or each as lines of a title and a value. */
export type Layout = 'table' | 'line';

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

// cli-table3 looks for each cell at all rows above it: 88 s for 150,000 rows in one table. A row of four cells costs 127 µs
// among 500, 88 µs among 50, and no less among fewer.
const ROWS_AT_ONCE = 50;

const GAP = NO_LINES.middle.length;
// A text that is cut to less says nothing.
const TEXT_WIDTH_MIN = 12;
const NAME_WIDTH_MAX = 40;

/**
 * Draws a table that fits the terminal. Cuts text that does not fit with an ellipsis, but no number; shows the rows as
 * lines where that is not enough. Values in a list of names and values go on in the next line.
 */
export function drawTable({ head, rows }: Table, columns: number, paint: Paint): string {
  if (head === undefined) {
    return drawNamed(
      rows.map(([name, value]) => ({ name: shown(name), value: shown(value) })),
      columns,
      0,
    );
  }
  return rowDrawer(head, columns, paint)(rows);
}

/**
 * Returns a function that draws rows as they come, in batches. Without a `layout` they are a table as long as they fit,
 * and lines from the first batch that does not.
 */
export function rowDrawer(
  head: readonly string[],
  columns: number,
  paint: Paint,
  layout?: Layout,
): (rows: Table['rows']) => string {
  // A query's column names may hold anything: they come from the stored schema or from the query.
  const titles = head.map(visible);
  let shape = layout;
  let widths: readonly number[] = titles.map(() => 0);
  let drawn = 0;
  const fitting = (cells: readonly string[]): string[] => cells.map((cell, column) => cut(cell, widths[column] ?? 0));
  return (rows) => {
    const texts = rows.map((row) => titles.map((_, column) => shown(row[column])));
    if (shape !== 'line') {
      const natural = naturalWidths(titles, texts, widths);
      const narrowed = fitted(natural, rows, texts, columns);
      if (narrowed === undefined && shape === undefined) shape = 'line';
      widths = narrowed ?? natural;
    }
    let text = '';
    if (shape === 'line') {
      for (const row of texts) {
        const named = titles.map((name, column) => ({ name, value: row[column] ?? '' }));
        text += `${drawn++ === 0 ? '' : '\n'}${drawNamed(named, columns, NAME_WIDTH_MAX)}`;
      }
      return text;
    }
    const colAligns = widths.map((_, column) => (rows.every((row) => isNumeric(row[column])) ? 'right' : 'left'));
    if (rows.length === 0 && drawn > 0) return '';
    for (let start = 0; start === 0 || start < rows.length; start += ROWS_AT_ONCE) {
      const table = new CliTable({
        head: drawn + start === 0 ? fitting(titles).map((title) => paint.strong(title)) : [],
        chars: NO_LINES,
        colWidths: [...widths],
        colAligns,
        style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
      });
      for (const row of texts.slice(start, start + ROWS_AT_ONCE)) table.push(fitting(row));
      text += `${table.toString().replace(/ +$/gm, '')}\n`;
    }
    drawn += rows.length;
    return text;
  };
}

function shown(cell: Cell): string {
  return visible(textForPeople(cell));
}

function padded(text: string, width: number): string {
  const cell = cut(text, width);
  return `${cell}${' '.repeat(Math.max(0, width - displayWidth(cell)))}`;
}

/** Draws names and values; a value that does not fit goes on below, beside its name. */
function drawNamed(
  named: readonly { readonly name: string; readonly value: string }[],
  columns: number,
  nameMax: number,
): string {
  const natural = greatest(named, ({ name }) => displayWidth(name));
  const width = Math.min(natural, nameMax || Math.max(columns - GAP - TEXT_WIDTH_MIN, 1));
  const room = Math.max(columns - GAP - width, 1);
  return named
    .flatMap(({ name, value }) =>
      wrapped(value, room).map((line, index) =>
        `${padded(index === 0 ? name : '', width)}${' '.repeat(GAP)}${line}\n`.replace(/ +\n$/, '\n'),
      ),
    )
    .join('');
}

type Texts = readonly (readonly string[])[];

function naturalWidths(titles: readonly string[], texts: Texts, least: readonly number[]): number[] {
  return titles.map((title, column) =>
    Math.max(
      least[column] ?? 0,
      displayWidth(title),
      greatest(texts, (row) => displayWidth(row[column] ?? '')),
    ),
  );
}

/** Narrows the widest texts until the table fits. Returns the widths, or undefined where numbers would have to be cut. */
function fitted(
  natural: readonly number[],
  rows: Table['rows'],
  texts: Texts,
  columns: number,
): readonly number[] | undefined {
  const width = (widths: readonly number[]): number =>
    widths.reduce((sum, each) => sum + each, 0) + GAP * (widths.length - 1);
  if (width(natural) <= columns) return natural;
  const least = natural.map((width, column) =>
    Math.max(
      Math.min(width, TEXT_WIDTH_MIN),
      greatest(rows, (row, index) => (isWhole(row[column]) ? displayWidth(texts[index]?.[column] ?? '') : 0)),
    ),
  );
  const result = natural.map((width, column) => Math.max(Math.min(width, columns), least[column] ?? 0));
  let excess = width(result) - columns;
  while (excess > 0) {
    const spare = result.map((width, column) => (width > (least[column] ?? 0) ? width : 0));
    const widest = spare.indexOf(Math.max(...spare));
    if (!spare[widest]) return undefined;
    result[widest] = (result[widest] ?? 0) - 1;
    excess--;
  }
  return result;
}

// Unlike Math.max(...), this takes more items than a call may have arguments.
function greatest<T>(items: readonly T[], measure: (item: T, index: number) => number): number {
  return items.reduce((most, item, index) => Math.max(most, measure(item, index)), 0);
}
