import CliTable from 'cli-table3';
import { visible } from '../core/format.ts';
import { type Cell, isNumeric, textForPeople } from './cells.ts';
import type { Paint } from './paint.ts';

export interface Table {
  /** Undefined for a list of names and values. */
  readonly head?: readonly string[] | undefined;
  readonly rows: readonly (readonly Cell[])[];
}

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

const GAP = 2;

/**
 * Draws a table that fits the terminal. Cuts cells that do not fit with an ellipsis; values in a list of names and values go on
 * in the next line.
 */
export function drawTable({ head, rows }: Table, columns: number, paint: Paint): string {
  const shown = rows.map((row) => row.map((cell) => visible(textForPeople(cell))));
  const cells = head === undefined ? wrapped(shown, columns) : shown;
  // A query's column names may hold anything: they come from the stored schema or from the query.
  const titles = head?.map(visible);
  const all = titles === undefined ? cells : [titles, ...cells];
  const widths = fitted(
    Array.from({ length: greatest(all, (row) => row.length) }, (_, column) =>
      greatest(all, (row) => displayWidth(row[column] ?? '')),
    ),
    columns,
  );
  const shortened = (row: readonly string[]): string[] => row.map((cell, column) => cut(cell, widths[column] ?? 0));
  const aligned = widths.map((_, column) =>
    head !== undefined && rows.every((row) => isNumeric(row[column])) ? 'right' : 'left',
  );
  const draw = (head: readonly string[] | undefined, body: readonly string[][]): string => {
    const table = new CliTable({
      ...(head === undefined ? {} : { head: head.map((title) => paint.strong(title)) }),
      chars: NO_LINES,
      colWidths: widths,
      colAligns: aligned,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
    });
    for (const row of body) table.push(shortened(row));
    return `${table.toString().replace(/ +$/gm, '')}\n`;
  };
  let text = '';
  for (let start = 0; start < cells.length; start += ROWS_AT_ONCE) {
    text += draw(
      start === 0 && titles !== undefined ? shortened(titles) : undefined,
      cells.slice(start, start + ROWS_AT_ONCE),
    );
  }
  return text;
}

// cli-table3 takes quadratic time: 88 s for 150,000 rows in one table.
const ROWS_AT_ONCE = 500;

/** Breaks long values between words, below each other, beside their name. */
function wrapped(rows: readonly string[][], columns: number): string[][] {
  const room = columns - GAP - greatest(rows, ([name = '']) => displayWidth(name));
  return rows.flatMap(([name = '', value = '']) => {
    const lines = [''];
    for (const word of value.split(' ')) {
      const line = lines.at(-1) ?? '';
      if (line === '') lines[lines.length - 1] = word;
      else if (displayWidth(`${line} ${word}`) <= room) lines[lines.length - 1] = `${line} ${word}`;
      else lines.push(word);
    }
    // A word that is too long is cut, like a cell.
    return lines.map((line, index) => [index === 0 ? name : '', line]);
  });
}

/** Cuts a cell to the width of its column. cli-table3 counts wide letters as one column. */
function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let kept = '';
  let width = 1;
  for (const character of text) {
    width += displayWidth(character);
    if (width > columns) break;
    kept += character;
  }
  return `${kept}…`;
}

// Unlike Math.max(...), this takes more items than a call may have arguments.
function greatest<T>(items: readonly T[], measure: (item: T) => number): number {
  return items.reduce((most, item) => Math.max(most, measure(item)), 0);
}

/** Narrows the widest columns until the table fits. */
function fitted(widths: number[], columns: number): number[] {
  const result = [...widths];
  const available = columns - GAP * (widths.length - 1);
  while (result.reduce((sum, width) => sum + width, 0) > available) {
    const widest = result.indexOf(Math.max(...result));
    const width = result[widest] ?? 0;
    if (width <= 4) break;
    result[widest] = width - 1;
  }
  return result;
}

// East Asian wide characters and emoji take two columns: roughly Unicode Standard Annex 11.
function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) {
    width +=
      /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
