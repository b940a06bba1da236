import CliTable from 'cli-table3';
import { visible } from './format.ts';
import type { Paint, Table } from './print.ts';

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

/** Draws a table that fits the terminal; cells that do not fit are cut with an ellipsis. */
export function drawTable({ head, rows, right = [] }: Table, columns: number, paint: Paint): string {
  const cells = rows.map((row) => row.map(visible));
  const all = head === undefined ? cells : [head, ...cells];
  const widths = fitted(
    Array.from({ length: Math.max(...all.map((row) => row.length)) }, (_, column) =>
      Math.max(...all.map((row) => displayWidth(row[column] ?? ''))),
    ),
    columns,
  );
  const table = new CliTable({
    ...(head === undefined ? {} : { head: head.map((title) => paint.strong(title)) }),
    chars: NO_LINES,
    colWidths: widths,
    colAligns: widths.map((_, column) => (right.includes(column) ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
  });
  for (const row of cells) table.push(row);
  return `${table.toString().replace(/ +$/gm, '')}\n`;
}

/** Takes what is too much from the widest columns. */
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

// East Asian wide characters and emoji take two columns (Unicode Standard Annex 11, coarsely).
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
