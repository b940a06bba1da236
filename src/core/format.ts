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

/** Formats a number of things: `1 user`, `1,000 users`, `0 misses`. */
export function formatCount(count: number, thing: string, things = `${thing}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? thing : things}`;
}

/** Formats milliseconds for people, to about three significant digits; from ten seconds on in seconds. */
export function formatMs(milliseconds: number): string {
  if (milliseconds >= 10_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${milliseconds >= 100 ? milliseconds.toFixed(0) : milliseconds >= 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(2)} ms`;
}

/** Formats any number for people, to three significant digits. */
export function figureText(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** Formats how long work took: `171 ms`, `2.3 s`, `4 min 10 s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1000) return formatMs(milliseconds);
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
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

// What moves a terminal's cursor, turns the order of letters round, or hides what is written.
const CONTROLS = '\\u0000-\\u001f\\u007f-\\u009f';
const ORDER = '\\u061c\\u200e\\u200f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069';
const DRIVING = new RegExp(`[${CONTROLS}${ORDER}]`, 'g');

/** Makes control characters visible, so that foreign text cannot drive a terminal: U+001F becomes ␟. */
export function visible(text: string): string {
  return text.replace(DRIVING, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '␡' : '�';
  });
}

const ESCAPED = new RegExp(`[\\\\${CONTROLS}${ORDER}]`);
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** Escapes a field of a tab-separated line. U+001F stays as it is: it does nothing, and separates the fields of a note. */
export function tsvField(text: string): string {
  if (!ESCAPED.test(text)) return text;
  return text
    .replace(/[\\\t\n\r]/g, (character) => ESCAPES[character] ?? '')
    .replace(DRIVING, (character) => (character === '\u001f' ? character : escapedUnit(character)));
}

/** Keeps a line from being read as a command by a CI, which takes those that begin with two colons. */
export function noCommand(line: string): string {
  return line.replace(/^(\s*):(?=:)/, '$1\\u003a');
}

/** Shows foreign text of many lines: nothing in it drives a terminal. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}

/** Lays out text of our own with foreign parts: colours and line ends stay, nothing else drives a terminal or a CI. */
export function outgoing(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: our own colours begin with one
  const colour = /(\u001b\[\d+(?:;\d+)*m)/;
  return text
    .split('\n')
    .map((line) => {
      const parts = line.split(colour);
      return noCommand(parts.map((part, index) => (index % 2 === 1 ? part : visible(part))).join(''));
    })
    .join('\n');
}

/** Renders a JSON document. What would drive a terminal is escaped, which JSON does only below U+0020. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(DRIVING, (character) =>
    character === '\n' ? character : escapedUnit(character),
  );
}

function escapedUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
