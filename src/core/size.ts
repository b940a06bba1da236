const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9 };

/** Parses a size such as `1.5 GB` or `1500MB` to bytes; a bare number is one of `unit`. */
export function bytesIn(text: string, unit: 'MB' | undefined): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?(B|kB|MB|GB)?$/i.exec(text.trim());
  const factor = UNITS[(match?.[2] ?? unit ?? '').toLowerCase()];
  return match === null || factor === undefined ? undefined : Number(match[1]) * factor;
}
