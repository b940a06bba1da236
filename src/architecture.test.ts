import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('.', import.meta.url));

/** What serves the tests: a folder of its own, contract suites, what runs against engines, and one file beside the code. */
const TESTING = /^testing\/|\.(test|engine)\.ts$|-contract\.ts$|^anki\/testing\.ts$/;

/** Source by path below src, as `databases/sql.ts`: everything that runs in production. */
const FILES = new Map(
  (readdirSync(SRC, { recursive: true, encoding: 'utf8' }) as string[])
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.ts') && !TESTING.test(path))
    .sort()
    .map((path) => [path, readFileSync(join(SRC, path), 'utf8')] as const),
);

interface Rule {
  readonly pattern: RegExp;
  /** The only files in which it may stand. */
  readonly only: RegExp;
  readonly why: string;
}

const NOWHERE = /^$/;

const RULES: readonly Rule[] = [
  { pattern: /\bMath\.random\(/, only: NOWHERE, why: 'chance is injected: random.ts' },
  { pattern: /\b(Date|performance)\.now\(/, only: /^clock\.ts$/, why: 'time is injected: clock.ts' },
  { pattern: /\bnew Date\(\)/, only: NOWHERE, why: 'time is injected: clock.ts' },
  { pattern: /\bprocess\.(env|argv)\b/, only: /^cli\/context\.ts$/, why: 'the environment comes with the context' },
  { pattern: /\bprocess\.std(in|out|err)\b/, only: /^cli\/context\.ts$/, why: 'the streams come with the context' },
  {
    pattern: /\bprocess\.exit(Code)?\b/,
    only: NOWHERE,
    why: 'main returns the exit code, and bin gives it to the process',
  },
  { pattern: /\bconsole\./, only: NOWHERE, why: 'stdout is the result, and stderr is the context’s' },
  {
    pattern: /(from|import\() ?'@aws-sdk\//,
    only: /^(databases\/s3-[a-z-]+|(users|locks)\/dynamo-[a-z-]+|function\/lambda-[a-z-]+|deployment\/(s3|dynamo|lambda)-[a-z-]+)\.ts$/,
    why: 'only the adapters of AWS speak to it',
  },
  {
    pattern: /^(import (?!type)[^;]*from|.*\bimport\() ?'better-sqlite3'/m,
    only: /^(databases\/(better-sqlite|local-store|local-index|source-file)|local-table)\.ts$/,
    why: 'SQLite is opened where its dangers are known',
  },
  { pattern: /\bfrom '(vitest|fast-check)'/, only: NOWHERE, why: 'tests are tests' },
  { pattern: /\bfrom '(\.\.?\/)+testing(\/|\.ts)/, only: NOWHERE, why: 'what serves the tests is not in production' },
  {
    pattern: /\b(it|test|describe)\.(skip|only)\b|\bTODO\b/,
    only: NOWHERE,
    why: 'what is not done is not in the code',
  },
];

describe('the source keeps to its layers', () => {
  test.each(RULES)('$pattern only in $only: $why', ({ pattern, only, why }) => {
    const strays = [...FILES]
      .filter(([path, text]) => pattern.test(text) && !only.test(path))
      .map(([path]) => `${path}: ${why}`);
    expect(strays).toEqual([]);
  });

  test('each rule would see what it forbids', () => {
    const forbidden = [
      'Math.random()',
      'Date.now()',
      'new Date()',
      'process.env.HOME',
      'process.stdout.write',
      'process.exit(1)',
      'console.log(',
      "import { S3Client } from '@aws-sdk/client-s3';",
      "import Database, {\n type A } from 'better-sqlite3';",
      "import { test } from 'vitest';",
      "import { x } from '../testing/x.ts';",
      'test.only(',
    ];
    expect(RULES.map(({ pattern }, index) => pattern.test(forbidden[index] ?? ''))).toEqual(RULES.map(() => true));
  });
});

// About what a reader keeps in mind at once.
const LINES_MAX = 300;

test(`no file is over ${LINES_MAX} lines`, () => {
  const long = [...FILES]
    .map(([path, text]) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > LINES_MAX);
  expect(long).toEqual([]);
});

describe('what a command loads before it needs it', () => {
  // Loading the SDK costs 0.3 s of CPU, and `--help` needs neither it nor SQLite. A command's file is loaded where the
  // command is called, and what it loads at once counts likewise.
  const commands = [...FILES.keys()].filter((path) => /^commands\/[a-z]+\/[a-z0-9-]+\.ts$/.test(path));
  const reached = new Map(['main.ts', ...commands].flatMap((entry) => [...staticallyReached(entry)]));

  test.each(['better-sqlite3', '@aws-sdk/', '@smithy/', 'zod', 'cli-table3', 'chalk'])('is not %s', (library) => {
    const via = [...reached].filter(([target]) => target.startsWith(library));
    expect(via).toEqual([]);
  });

  test('is the commands and what they are made with, so the walk works', () => {
    const some = ['commander', 'config.ts', 'cli/execute.ts', 'commands/index.ts', 'commands/db/query.ts'];
    expect([...reached.keys()]).toEqual(expect.arrayContaining(some));
  });

  test('is no command, where none is called', () => {
    expect([...staticallyReached('main.ts').keys()].filter((path) => commands.includes(path))).toEqual([]);
  });

  test.each(['index.ts', 'databases/sql.ts', 'deployment/s3-client.ts'])('would be a library through %s', (entry) => {
    const libraries = [...staticallyReached(entry).keys()].filter((target) =>
      /^(better-sqlite3|@aws-sdk\/)/.test(target),
    );
    expect(libraries).not.toEqual([]);
  });
});

/** Everything that loading a file loads with it, each with the file that asks for it: libraries by name, source by path. */
function staticallyReached(entry: string): Map<string, string> {
  const reached = new Map<string, string>([[entry, '']]);
  const waiting = [entry];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const target of valueImports(FILES.get(path) ?? '')) {
      const name = target.startsWith('.')
        ? relative(SRC, resolve(SRC, dirname(path), target))
            .split(sep)
            .join('/')
        : target;
      if (reached.has(name)) continue;
      reached.set(name, path);
      if (!FILES.has(name)) continue;
      waiting.push(name);
    }
  }
  return reached;
}

/** The modules that a file imports for more than their types. `verbatimModuleSyntax` makes the text the truth. */
function valueImports(text: string): string[] {
  const declarations = text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[\w*{][^;']*?\sfrom\s+)?'([^']+)'/gm);
  return [...declarations].map((match) => match[1] ?? '');
}
