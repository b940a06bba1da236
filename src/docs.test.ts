/** README and docs say what is so: every link, file, command, option, setting, field and exit code in them is real. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { EXIT_CODE } from './cli/exit-code.ts';
import { buildProgram } from './commands/main.ts';
import { processContext } from './core/context.ts';
import { reportJsonSchema } from './report/schema.ts';
import { FOLDERS } from './testing/folder-edges.ts';
import { blocksOf, parseSession, patternOf } from './testing/page-session.ts';
import { PAGES, page, ROOT } from './testing/pages.ts';

const README_MAX_BYTES = 8 * 1024;

/** The files of the repository below some folders, by their paths in it. */
function filesIn(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    (readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }) as string[]).map((path) =>
      join(folder, path),
    ),
  );
}

const FILES = filesIn('src', 'benchmarks', 'infra', '.ci', 'bin', 'docs').filter(
  (path) => !path.includes('.terraform'),
);
const FILE_NAMES = new Set(FILES.map((path) => basename(path)));
const pages = [...PAGES].map(([path, text]) => ({ path, text }));
const others = FILES.filter((path) => /^(benchmarks|infra)\/.*\.md$/.test(path)).map((path) => ({
  path,
  text: readFileSync(join(ROOT, path), 'utf8'),
}));

test('README is read in a minute', () => {
  expect(Buffer.byteLength(page('README.md'))).toBeLessThanOrEqual(README_MAX_BYTES);
});

describe.each([...pages, ...others])('$path', ({ path, text }) => {
  test('links to what is there', () => {
    const links = [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [file = '', heading] = link.split('#');
      const target = file === '' ? path : join(dirname(path), file);
      if (!existsSync(join(ROOT, target))) return true;
      return heading !== undefined && !headingsOf(readFileSync(join(ROOT, target), 'utf8')).includes(heading);
    });
    expect(broken).toEqual([]);
  });

  test('names files that are there', () => {
    expect(inlineCode(text).flatMap((code) => citedIn(code, path))).toEqual([]);
  });
});

test('every page of docs can be reached from README', () => {
  const missing = pages.filter(({ path }) => path !== 'README.md' && !page('README.md').includes(`(${path}`));
  expect(missing.map(({ path }) => path)).toEqual([]);
});

test('comments cite files that are there', () => {
  const commented = FILES.filter((path) => /\.(ts|js|sh|tf)$|^\.ci\//.test(path));
  const stray = commented.flatMap((path) => {
    const comments = readFileSync(join(ROOT, path), 'utf8')
      .split('\n')
      .filter((line) => /^\s*(\/\/|\/?\*|#)/.test(line));
    return comments.flatMap((line) => citedIn(line, path)).map((cited) => `${path}: ${cited}`);
  });
  expect(stray).toEqual([]);
});

test('a file that is not there is seen', () => {
  expect(citedIn('see design.md, src/core/nothing.ts and core/clock.ts', 'src/docs.test.ts')).toEqual([
    'design.md',
    'src/core/nothing.ts',
  ]);
});

/** The files that a text names and that are nowhere: by path from the root, from src or from beside it, or by name. */
function citedIn(text: string, path: string): string[] {
  const named = [...text.matchAll(/(?<![\w./*<>$-])[\w.][\w./-]*\.(?:md|ts|tf|sh)\b(?![\w*-])/g)].map(
    (match) => match[0],
  );
  return named.filter((name) => {
    if (!name.includes('/')) return !FILE_NAMES.has(name) && !existsSync(join(ROOT, name));
    return !['', 'src', dirname(path)].some((from) => existsSync(join(ROOT, from, name)));
  });
}

interface Verb {
  readonly name: string;
  readonly options: readonly string[];
}

let verbs: Verb[];
let globals: readonly string[];
let nouns: readonly string[];

beforeAll(async () => {
  const program = await buildProgram(processContext(), async () => {});
  const optionsOf = (command: Command): string[] => command.options.flatMap(({ long }) => (long ? [long] : []));
  globals = [...optionsOf(program), '--help'];
  nouns = program.commands.map((noun) => noun.name());
  verbs = program.commands.flatMap((noun) =>
    noun.commands.length === 0
      ? [{ name: noun.name(), options: optionsOf(noun) }]
      : noun.commands.map((verb) => ({ name: `${noun.name()} ${verb.name()}`, options: optionsOf(verb) })),
  );
});

describe('commands', () => {
  test('each has a row in commands.md, and no other has', () => {
    const rows = [
      ...page('docs/commands.md').matchAll(
        /^\| `((?:[a-z]+) [a-z0-9-]+)[^`]*`(?: · `[^`]*`)* \| (?![`{]|the answer)/gm,
      ),
    ];
    const named = new Set([...rows.map((match) => match[1] ?? ''), 'doctor', 'completion']);
    expect([...named].sort()).toEqual(verbs.map(({ name }) => name).sort());
  });

  test.each([...pages, ...others])(
    '$path shows command lines that there are, with options that they take',
    ({ text }) => {
      const wrong: string[] = [];
      for (const line of commandLines(text)) {
        const words = line.split(/\s+/);
        const verb = verbs.find(({ name }) => name === words[0] || name === `${words[0]} ${words[1]}`);
        const options = line.match(/(?<![\w-])--[a-z][a-z0-9-]*/g) ?? [];
        const known = [...globals, ...(verb?.options ?? ['--version'])];
        if (verb === undefined && !nouns.includes(line) && !line.startsWith('--')) wrong.push(line);
        else
          wrong.push(
            ...options
              .filter((option) => !known.includes(option) && option !== '--version')
              .map((option) => `${option} in ${line}`),
          );
      }
      expect(wrong).toEqual([]);
    },
  );

  test.each([...pages, ...others])('$path names options that some command takes', ({ text }) => {
    const benchmark = [...readFileSync(join(ROOT, 'benchmarks/main.ts'), 'utf8').matchAll(/^ +(\w+): \{ type: '/gm)];
    const known = new Set([
      ...globals,
      ...verbs.flatMap(({ options }) => options),
      ...benchmark.map((match) => `--${match[1]}`),
      '--version',
    ]);
    const named = inlineCode(text).flatMap((code) => code.match(/^--[a-z][a-z0-9-]*/) ?? []);
    expect(named.filter((option) => !known.has(option))).toEqual([]);
  });

  test('the options of all commands are in commands.md, and those of each command in the section of its noun', () => {
    const [general = '', ...sections] = page('docs/commands.md').split(/^## (?=[a-z])/m);
    const inGeneral = globals.filter((option) => option !== '--help' && option !== '--version');
    const missing = inGeneral.filter((option) => !general.includes(`\`${option}`));
    for (const { name, options } of verbs) {
      const section = sections.find((each) => each.startsWith(`${name.split(' ')[0]}\n`)) ?? '';
      missing.push(...options.filter((option) => !section.includes(option)).map((option) => `${option} of ${name}`));
    }
    expect(missing).toEqual([]);
  });

  test('every script of npm that pages name is there', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const named = pages.flatMap(({ text }) => [...text.matchAll(/npm run ([a-z:]+)/g)].map((match) => match[1] ?? ''));
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

test('every variable of the environment that the configuration reads is documented', () => {
  const read = FILES.filter((path) => /^src\/config\/[a-z-]+\.ts$/.test(path)).flatMap((path) =>
    [
      ...readFileSync(join(ROOT, path), 'utf8').matchAll(
        /\b(?:S3_|DYNAMODB_|JAVUMBO_|AWS_ENDPOINT_|DB_)[A-Z_0-9]*[A-Z0-9]\b/g,
      ),
    ].map((match) => match[0]),
  );
  expect([...new Set(read)].filter((name) => !page('docs/commands.md').includes(`\`${name}\``))).toEqual([]);
});

test.each(['README.md', 'docs/operations.md'])('%s has every exit code with its kind, and no other', (path) => {
  const rows = [...page(path).matchAll(/^\| (\d+) \| (?:`([a-z-]+)`)? ?\|/gm)].map(([, code, kind]) => [
    kind ?? 'ok',
    Number(code),
  ]);
  expect(Object.fromEntries(rows)).toEqual(EXIT_CODE);
});

test('every field of a report is documented', () => {
  const text = page('docs/reports.md');
  expect(propertiesOf(reportJsonSchema()).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test('the table of speed is the one of the results', () => {
  const cells = (line: string): string[] => line.split('|').map((cell) => cell.trim());
  const lines = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('| '));
  const results = lines(readFileSync(join(ROOT, 'benchmarks/results/README.md'), 'utf8')).map(cells);
  const measured = results
    .filter(([, , size, link]) => size === '24 KB' && link === 'far')
    .map(([, operation, , , ours, prototype]) => [operation, ours, prototype]);
  const shown = lines(page('README.md'))
    .map(cells)
    .filter(([, , ours]) => ours?.endsWith(' ms'))
    .map(([, operation, ours, , prototype]) => [operation?.replace(', 52 KB', ''), ours, prototype]);
  expect(shown).toEqual(measured.slice(0, shown.length));
  expect(shown.map(([operation]) => operation)).toContain('create');
});

test('the table of folders is the one of the architecture test', () => {
  const rows = [...page('docs/architecture.md').matchAll(/^\| `([a-z]+)` \|/gm)].map((match) => match[1]);
  expect(rows).toEqual(FOLDERS.map(([name]) => name));
});

describe('what a page shows', () => {
  test('is commands, each with the lines below it', () => {
    expect(parseSession('$ a \\\n  --b\none\n\ntwo\n$ c\n')).toEqual([
      { command: 'a \\\n  --b', shown: 'one\n\ntwo\n' },
      { command: 'c', shown: '' },
    ]);
  });

  test.each([
    { shown: 'version  b1fa5acd36cf0ce0…\n', actual: 'version   0d9ef8c87c0748df078722a9c82af890\n', same: true },
    { shown: 'version  b1fa5acd36cf0ce0…\n', actual: 'version   none\n', same: false },
    { shown: 'requests  1 PUT\n', actual: 'requests  2 PUT\n', same: false },
    { shown: 'took 12 ms, 53.2 kB\n', actual: 'took 7.5 s, 1 MB\n', same: true },
    { shown: 'took 12 ms\n', actual: 'took 12 attempts\n', same: false },
    { shown: 'a\n…\nz\n', actual: 'a\nb\nc\nz\n', same: true },
    { shown: 'a\n…\nz\n', actual: 'a\nb\nc\n', same: false },
    { shown: 'a\n', actual: 'a\nb\n', same: false },
    { shown: 'holds version …\n', actual: 'holds version a.b\n', same: true },
  ])('$shown is what $actual is: $same', ({ shown, actual, same }) => {
    expect(patternOf(shown).test(actual)).toBe(same);
  });
});

function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '');
}

function inlineCode(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '');
}

/** What stands behind `javumbo` in what a page tells to type, up to what the shell does with it. */
function commandLines(text: string): string[] {
  const sessions = blocksOf(text, 'sh').map((block) =>
    block.startsWith('$ ') ? parseSession(block).map(({ command }) => command) : [block],
  );
  const lines = [...sessions.flat(), ...blocksOf(text, 'yaml')].flatMap((code) =>
    code.replace(/\\\n|>\n/g, ' ').split('\n'),
  );
  return [...lines.filter((line) => !line.startsWith('aws ')), ...inlineCode(text)]
    .flatMap((line) => [...line.matchAll(/(?<![\w./-])javumbo ((?:'[^']*'|[^&|>;'])*)/g)])
    .map((match) => (match[1] ?? '').trim())
    .filter((line) => line !== '' && !line.startsWith('<'));
}

function headingsOf(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** The names of all properties of a JSON Schema, at every depth. */
function propertiesOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {} } = schema as { properties?: object };
  return [
    ...Object.keys(properties),
    ...Object.values(schema).flatMap(propertiesOf),
    ...Object.values(properties).flatMap(propertiesOf),
  ];
}
