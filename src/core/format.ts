/** Formats bytes: 24576 → `24.6 kB`, in decimal units like S3's prices and quotas. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Formats milliseconds for people, to about three significant digits. */
export function formatMs(milliseconds: number): string {
  return `${milliseconds >= 100 ? milliseconds.toFixed(0) : milliseconds >= 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(2)} ms`;
}

/** Formats a time in milliseconds since 1970 as ISO 8601 in UTC, for machines. */
export function isoTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}

/** Formats a time for people, in UTC: `2026-11-22 23:10:40`. */
export function formatTime(milliseconds: number): string {
  return isoTime(milliseconds).slice(0, 19).replace('T', ' ');
}

/** Formats an age coarsely: `5 s`, `12 min`, `3 h`, `8 d`. */
export function formatAge(milliseconds: number): string {
  const s = Math.max(0, milliseconds) / 1000;
  if (s < 60) return `${Math.round(s)} s`;
  if (s < 3_600) return `${Math.round(s / 60)} min`;
  if (s < 86_400) return `${Math.round(s / 3_600)} h`;
  return `${Math.round(s / 86_400)} d`;
}

/** Makes control characters visible, so that stored text cannot control a terminal: U+001F becomes ␟. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '␡' : '�';
  });
}

/** Escapes a field of a tab-separated line. */
export function tsvField(text: string): string {
  return text.replace(
    /[\\\t\n\r]/g,
    (character) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' })[character] ?? '',
  );
}
