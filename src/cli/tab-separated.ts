import { noCommand, tsvField } from '../core/format.ts';
import { type Cell, textForMachines } from './cells.ts';
import type { Table } from './table.ts';

/** Writes the rows of a table for a pipe: a line each, without a head. */
export function tabSeparated({ rows }: Pick<Table, 'rows'>): string {
  const field = (cell: Cell): string => (typeof cell === 'number' ? String(cell) : tsvField(textForMachines(cell)));
  const lines = rows.map((row) => row.map(field).join('\t'));
  const text = lines.join('\n');
  // Few rows hold such a command, and to look into each line takes longer than to write it.
  return rows.length === 0 ? '' : `${text.includes('::') ? lines.map(noCommand).join('\n') : text}\n`;
}
