/** What a page of the documentation shows of a terminal, as data, and whether a real terminal shows the same. */

export interface PageCommand {
  /** Without its `$ `; of several lines where each but the last ends with a backslash. */
  readonly command: string;
  /** The lines below it; empty where the page shows none. */
  readonly shown: string;
}

/** The blocks of one language in a page. */
export function blocksOf(page: string, language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, 'gm'))].map(
    (match) => match[1] ?? '',
  );
}

/** The commands of a block in which each begins with `$ `. */
export function parseSession(block: string): PageCommand[] {
  const commands: { command: string; shown: string }[] = [];
  let continues = false;
  for (const line of block.trimEnd().split('\n')) {
    const current = commands.at(-1);
    if (continues && current !== undefined) current.command += `\n${line}`;
    else if (line.startsWith('$ ')) commands.push({ command: line.slice(2), shown: '' });
    else if (current === undefined) throw new Error(`a session begins with a command, not with: ${line}`);
    else current.shown += `${line}\n`;
    continues = (continues || line.startsWith('$ ')) && line.endsWith('\\');
  }
  return commands;
}

// What no two runs have alike. A `…` is what the page leaves out: within a line, or as a line of its own any lines.
const VARIES: readonly (readonly [shown: string, actual: string])[] = [
  ['[0-9a-f]{16,}…?', '[0-9a-f]{8,}…?'],
  ['…', '.*'],
  ['\\b\\d{13}\\b', '\\d{13}'],
  ['\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+Z| UTC)?', '[-:.TZUC \\d]+'],
  ['\\d+(?:\\.\\d+)? (?:ms|s|kB|MB)\\b', '\\d+(?:\\.\\d+)? (?:ms|s|kB|MB)'],
  ['\\d+\\.\\d+\\.\\d+', '\\d+\\.\\d+\\.\\d+'],
  ['[ \\t]+', '[ \\t]+'],
];

/** What a terminal must show where a page shows this, with versions, times and sizes masked. */
export function patternOf(shown: string): RegExp {
  const varies = new RegExp(VARIES.map(([pattern]) => `(${pattern})`).join('|'), 'g');
  const lines = shown
    .trimEnd()
    .split('\n')
    .map((line) => {
      if (line === '…') return '(?:.*\\n)*?';
      let pattern = '';
      let from = 0;
      for (const match of line.matchAll(varies)) {
        const kind = match.slice(1).findIndex((group) => group !== undefined);
        pattern += escaped(line.slice(from, match.index)) + (VARIES[kind]?.[1] ?? '');
        from = match.index + match[0].length;
      }
      return `${pattern}${escaped(line.slice(from))}[ \\t]*\\n`;
    });
  return new RegExp(`^${lines.join('')}$`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
