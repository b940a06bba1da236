import { noCommand, tsvField } from '../core/format.ts';
import { type Cell, textForMachines } from './cells.ts';
import type { Table } from './table.ts';

/** Writes the rows of a table for a pipe: a line each, without a head. */
export function tabSeparated({ rows }: Pick<Table, 'rows'>): string {
  const field = (cell: Cell): string => (typeof cell === 'number' ? String(cell) : tsvField(textForMachines(cell)));
  return rows.map((row) => `${noCommand(row.map(field).join('\t'))}\n`).join('');
}
