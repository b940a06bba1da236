import { formatBytes, formatMs, formatTime } from '../../core/format.ts';

/** Formats a value of a unit: of `ms` like everywhere, else the number before the unit. */
export function quantity(value: number, unit: string): string {
  return unit === 'ms' ? formatMs(value) : `${number(value)} ${unit}`;
}

/** Names a unit for an axis. */
export function unitName(unit: string): string {
  return unit === 'ms' ? 'milliseconds' : unit;
}

/** Formats a number to four significant digits, a whole one to all of its digits: `1,234,567`, `0.03125`. */
export function number(value: number): string {
  return value.toLocaleString('en-US', Number.isInteger(value) ? {} : { maximumSignificantDigits: 4 });
}

/** Formats a figure by the unit at the end of its name: `savedMs`, `sizeAfterBytes`, `hitRatePercent`. */
export function figure(name: string, value: number): string {
  if (name.endsWith('Ms')) return formatMs(value);
  if (name.endsWith('Bytes')) return formatBytes(Math.round(value));
  return name.endsWith('Percent') ? `${number(value)} %` : number(value);
}

/** Formats US dollars: to the cent, or to the second digit of less than ten cents. */
export function dollars(value: number): string {
  return `$${value === 0 || value >= 0.1 ? value.toFixed(2) : Number(value.toPrecision(2))}`;
}

/** Formats a report's time for people: `2026-11-27 03:46:08 UTC`. */
export function moment(isoTime: string): string {
  return `${formatTime(Date.parse(isoTime))} UTC`;
}
