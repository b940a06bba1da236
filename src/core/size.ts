const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

/** Parses a size such as `1.5 GB` or `1500MB` to bytes. Zero alone needs no unit; undefined for anything else. */
export function bytesIn(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?) ?(B|kB|MB|GB|TB)?$/i.exec(text.trim()) ?? [];
  if (number === undefined || (unit === undefined && Number(number) !== 0)) return undefined;
  return Number(number) * (UNITS[(unit ?? 'B').toLowerCase()] ?? 0);
}
