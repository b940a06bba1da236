import { jsonText, noCommand, visible } from '../core/format.ts';
import { type Cell, isNumeric, textForMachines, textForPeople } from './cells.ts';
import { type Paint, PLAIN } from './paint.ts';
import { tabSeparated } from './tab-separated.ts';
import type { Table } from './table.ts';

/** How the rows of a query can be written. */
export const ROW_FORMATS = ['table', 'line', 'csv', 'tsv', 'jsonl', 'markdown'] as const;
export type RowFormat = (typeof ROW_FORMATS)[number];

/** Where rows are shown; of a pipe both are undefined. */
export interface Screen {
  readonly columns?: number | undefined;
  readonly paint?: Paint | undefined;
}

type Rows = Table['rows'];

/**
 * Returns a function that writes rows as they come, in batches. Without a format a terminal gets a table, or lines where it
 * is too narrow for one, and a pipe tab-separated lines. A title stands before the first row, except in `tsv`.
 */
export async function rowWriter(
  head: readonly string[],
  format: RowFormat | undefined,
  { columns, paint = PLAIN }: Screen,
): Promise<(rows: Rows) => string> {
  const isTerminal = columns !== undefined;
  switch (format ?? (isTerminal ? undefined : 'tsv')) {
    case undefined:
    case 'table':
    case 'line': {
      const { rowDrawer } = await import('./table.ts');
      const draw = rowDrawer(head, columns ?? Number.POSITIVE_INFINITY, paint, format as 'table' | 'line' | undefined);
      return (rows) => noCommands(draw(rows));
    }
    case 'tsv':
      return (rows) => tabSeparated({ rows });
    case 'jsonl':
      return jsonLines(head);
    case 'csv':
      return titled(head, (rows) => csv(rows, isTerminal));
    case 'markdown':
      return markdown(head);
  }
}

/** Writes an object a line, with its members in the order of the columns, which an object would not keep for `1` and `2`. */
function jsonLines(head: readonly string[]): (rows: Rows) => string {
  const names = head.map((column, index) => `${index === 0 ? '' : ','}${jsonText(column)}:`);
  return (rows) =>
    rows.map((row) => `{${names.map((name, column) => name + jsonText(row[column] ?? null)).join('')}}\n`).join('');
}

function noCommands(text: string): string {
  return text.split('\n').map(noCommand).join('\n');
}

function titled(head: readonly string[], write: (rows: Rows) => string): (rows: Rows) => string {
  let isFirst = true;
  return (rows) => {
    const text = write(isFirst ? [head, ...rows] : rows);
    isFirst = false;
    return text;
  };
}

/** Writes RFC 4180: values as they are, in quotes where they need them. NULL is nothing, an empty text is `""`. */
function csv(rows: Rows, isTerminal: boolean): string {
  const field = (cell: Cell): string => {
    const text = isTerminal ? visible(textForMachines(cell)) : textForMachines(cell);
    // A CI takes a line that begins with two colons for a command.
    return cell === '' || /[",\r\n]|^\s*::/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

function markdown(head: readonly string[]): (rows: Rows) => string {
  let isFirst = true;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const cell = (value: Cell): string =>
    visible(textForPeople(value).replace(/\r?\n/g, ' '))
      .replace(/[\\`*_[\]|~#]/g, '\\$&')
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;');
  return (rows) => {
    const body = rows.map((row) => line(row.map(cell))).join('');
    if (!isFirst) return body;
    isFirst = false;
    const rules = head.map((_, column) =>
      rows.length > 0 && rows.every((row) => isNumeric(row[column])) ? '---:' : '---',
    );
    return line(head.map(cell)) + line(rules) + body;
  };
}
