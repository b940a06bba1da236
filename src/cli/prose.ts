import type { Output } from '../core/context.ts';
import { formatTime, noCommand } from '../core/format.ts';
import { displayWidth } from './display-width.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: our own colours begin with one
const COLOURS = /\u001b\[\d+(?:;\d+)*m/g;
// What goes on in the next line stands behind these.
const LABEL = /^\s*(?:(?:error|failed|note|skip|try|warning):\s+|[✓✗!-]\s)/;
// A command, as far as the comma behind which prose goes on.
const COMMAND = /^\s*[a-z ]+:\s+javumbo (?:'[^']*'|"[^"]*"|[^,;'"])*[,;]?/;
// A run of blanks aligns columns; a date and its time, and a number and its unit, belong together.
const GAP = /(?<=\S)(?<!\d{4}-\d\d-\d\d) (?!(?:UTC|ms|s|min|h|d|B|kB|MB|GB|%)(?!\w))(?=\S)/;
// A word of its own: in a path, a name or an option it is no time to read.
const ISO_TIME = /(?<=^|\s|\()\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z(?=$|\s|[),;:]|\.(?:\s|$))/g;

/** Returns a line of ours for stderr. A terminal gets it broken to fit, with times for people. */
export function message(line: string, { isTTY, columns }: Output): string {
  if (isTTY !== true) return line;
  // What is to be tried is there to be copied.
  return fitted(line.startsWith('try:') ? line : timesForPeople(line), columns || 80);
}

/** Shows the times in a text of ours as people read them: 2026-11-27T07:12:20.261Z becomes 2026-11-27 07:12:20 UTC. */
export function timesForPeople(text: string): string {
  return text.replace(ISO_TIME, (iso) => `${formatTime(Date.parse(iso))} UTC`);
}

/**
 * Breaks lines that are too wide between words, and indents what goes on below. Leaves whole what is there to be copied:
 * commands, and words that are too wide themselves, such as paths.
 */
export function fitted(text: string, columns: number): string {
  return text
    .split('\n')
    .flatMap((line) => broken(line, columns))
    .join('\n');
}

function broken(line: string, columns: number): string[] {
  const bare = line.replace(COLOURS, '');
  if (displayWidth(bare) <= columns) return [line];
  const label = LABEL.exec(bare)?.[0] ?? '';
  const indent = ' '.repeat(displayWidth(label) || displayWidth(/^\s*/.exec(bare)?.[0] ?? '') + 2);
  // Colours stand inside a command; without a place to break it safely it stays whole.
  if (bare !== line && COMMAND.test(bare)) return [line];
  const command = COMMAND.exec(line)?.[0] ?? '';
  const rest = line.slice(command.length);
  const [first = '', ...words] = [command, ...(command === '' ? rest : rest.trimStart()).split(GAP)].filter(
    (piece) => piece !== '',
  );
  const lines = [first];
  for (const word of words) {
    const last = lines.at(-1) ?? '';
    const isLabelOnly = lines.length === 1 && displayWidth(last.replace(COLOURS, '')) < displayWidth(label);
    if (isLabelOnly || displayWidth(`${last} ${word}`.replace(COLOURS, '')) <= columns) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(noCommand(`${indent}${word}`));
  }
  return lines;
}
