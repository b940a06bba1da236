/** Formats numbers for tables. */

export function milliseconds(value: number): string {
  if (value < 10) return `${value.toFixed(2)} ms`;
  if (value < 1_000) return `${value.toFixed(0)} ms`;
  return `${(value / 1_000).toFixed(2)} s`;
}

export function bytes(value: number): string {
  if (value === 0) return '0';
  if (value < 1_000_000) return `${(value / 1_000).toFixed(1)} kB`;
  return `${(value / 1_000_000).toFixed(value < 100_000_000 ? 1 : 0)} MB`;
}

export function times(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

export function count(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(1);
}
