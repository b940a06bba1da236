import { formatAge, formatBytes, formatTime, isoTime } from '../core/format.ts';

/** A value in a table. A terminal shows it rounded, with its unit; a pipe gets the exact number. */
export type Cell =
  | string
  | number
  /** Nothing. */
  | undefined
  /** SQL's NULL: nothing in a pipe. */
  | null
  /** Bytes of any content: their number on a terminal. */
  | { readonly base64: string }
  | { readonly bytes: number }
  /** In milliseconds since 1970; `suffix` follows it on a terminal. */
  | { readonly time: number; readonly suffix?: string }
  | { readonly seconds: number; readonly suffix?: string }
  | { readonly percent: number }
  /** Where the two differ in words. */
  | { readonly people: string; readonly machines: string };

/** The text of a cell on a terminal. */
export function textForPeople(cell: Cell): string {
  if (cell === null) return 'NULL';
  if (typeof cell !== 'object') return String(cell ?? '');
  if ('bytes' in cell) return formatBytes(cell.bytes);
  if ('time' in cell) return suffixed(formatTime(cell.time), cell.suffix);
  if ('seconds' in cell) return suffixed(formatAge(cell.seconds * 1000), cell.suffix);
  if ('percent' in cell) return `${cell.percent} %`;
  if ('base64' in cell) return `(${Buffer.from(cell.base64, 'base64').length} bytes)`;
  return cell.people;
}

/** The text of a cell in a pipe. */
export function textForMachines(cell: Cell): string {
  if (typeof cell !== 'object') return String(cell ?? '');
  if (cell === null) return '';
  if ('bytes' in cell) return String(cell.bytes);
  if ('time' in cell) return isoTime(cell.time);
  if ('seconds' in cell) return String(cell.seconds);
  if ('percent' in cell) return String(cell.percent);
  if ('base64' in cell) return cell.base64;
  return cell.machines;
}

/** Whether a cell belongs in a column of numbers, which a terminal aligns to the right. */
export function isNumeric(cell: Cell): boolean {
  if (typeof cell !== 'object' || cell === null) return typeof cell !== 'string';
  return 'bytes' in cell || 'seconds' in cell || 'percent' in cell;
}

// More digits than a double or an integer of 64 bits has, with sign and exponent.
const NUMBER = /^-?\d[\d.]{0,30}(e[+-]?\d{1,3})?$/i;

/** Whether a cell would be another value if it were cut: a number, also one in a text, a size, a time. */
export function isWhole(cell: Cell): boolean {
  if (typeof cell === 'string') return NUMBER.test(cell);
  return typeof cell !== 'object' || cell === null || !('people' in cell);
}

const VERSION_LENGTH_MAX = 32;

/** A version in a table. A terminal gets its beginning where it is a hash that would fill the line; `db info` has all of it. */
export function versionCell(version: string): Cell {
  if (version.length <= VERSION_LENGTH_MAX) return version;
  return { people: `${version.slice(0, 16)}…`, machines: version };
}

/** A time that is kept as text: a terminal shows it like any other, and a pipe gets it as it is stored. */
export function storedTimeCell(text: string | undefined): Cell {
  const time = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/.test(text ?? '') ? Date.parse(text ?? '') : Number.NaN;
  return text === undefined || Number.isNaN(time) ? text : { people: `${formatTime(time)} UTC`, machines: text };
}

function suffixed(text: string, suffix: string | undefined): string {
  return suffix === undefined ? text : `${text} ${suffix}`;
}
