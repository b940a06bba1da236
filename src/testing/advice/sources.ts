import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SRC = fileURLToPath(new URL('../../', import.meta.url));
const TESTS = /^testing\/|\.(test|engine)\.ts$|-contract\.ts$|^anki\/testing\.ts$/;

/** A text in the sources that is printed behind `try:`. */
export interface AdviceText {
  readonly file: string;
  /** As it stands there, with `${…}` for what is put in. */
  readonly text: string;
  /** What it may become. */
  readonly pattern: RegExp;
}

/** Returns each text that stands behind `try:` or `hint` in the sources, or in a constant that is named there. */
export function adviceInSources(): AdviceText[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !TESTS.test(path),
  );
  return files.sort().flatMap((file) => textsIn(file, readFileSync(join(SRC, file), 'utf8')));
}

// Up to the end of the property: a literal may hold what ends one.
const PROPERTY =
  /\b(?:try|\w*[hH]int): ?((?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|[^,}\n'"`])+)|\bhint = ((?:'[^'\n]*'))/g;
const LITERAL = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g;

function textsIn(file: string, whole: string): AdviceText[] {
  const source = whole.replace(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const texts = new Set<string>();
  for (const [, value = '', assigned = ''] of source.matchAll(PROPERTY)) {
    for (const literal of literalsIn(value + assigned)) texts.add(literal);
    for (const [name] of value.matchAll(/\b[A-Z][A-Z_]+\b/g)) {
      const constant = new RegExp(`const ${name} = ((?:'(?:[^'\\\\\\n]|\\\\.)*'|"[^"\\n]*"|\`[^\`]*\`))`).exec(
        source,
      )?.[1];
      if (constant !== undefined && !value.includes('`'))
        for (const literal of literalsIn(constant)) texts.add(literal);
    }
  }
  return [...texts].filter((text) => /[a-z]/.test(text)).map((text) => ({ file, text, pattern: patternOf(text) }));
}

function literalsIn(value: string): string[] {
  // Literals in the conditions of an expression are no advice.
  const told = value.replace(/[=!]==? '[^']*'/g, '');
  return [...told.matchAll(LITERAL)].map(([, single, double, template]) =>
    (single ?? double ?? template ?? '').replaceAll("\\'", "'").replaceAll('\\`', '`'),
  );
}

function patternOf(text: string): RegExp {
  const parts = text.split(/\$\{(?:[^{}]|\{[^{}]*\})*(?:\}|$)|<username>/);
  return new RegExp(`^${parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')}$`);
}
