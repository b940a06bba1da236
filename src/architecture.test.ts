import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FOLDERS } from './testing/folder-edges.ts';

const SRC = fileURLToPath(new URL('.', import.meta.url));

/** What serves the tests: a folder of its own, contract suites, what runs against engines, and one file beside the code. */
const TESTING = /^testing\/|\.(test|engine)\.ts$|-contract\.ts$|^anki\/testing\.ts$/;

/** Source by path below src, as `sqlite/sql.ts`: everything that runs in production. */
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
  { pattern: /\bMath\.random\(/, only: NOWHERE, why: 'chance is injected: core/random.ts' },
  { pattern: /\b(Date|performance)\.now\(/, only: /^core\/clock\.ts$/, why: 'time is injected: core/clock.ts' },
  { pattern: /\bnew Date\(\)/, only: NOWHERE, why: 'time is injected: core/clock.ts' },
  { pattern: /\bprocess\.(env|argv)\b/, only: /^core\/context\.ts$/, why: 'the environment comes with the context' },
  { pattern: /\bprocess\.std(in|out|err)\b/, only: /^core\/context\.ts$/, why: 'the streams come with the context' },
  {
    pattern: /\bprocess\.exit(Code)?\b/,
    only: NOWHERE,
    why: 'main returns the exit code, and bin gives it to the process',
  },
  { pattern: /\bconsole\./, only: NOWHERE, why: 'stdout is the result, and stderr is the context’s' },
  {
    pattern: /(from|import\() ?'@aws-sdk\//,
    only: /^(aws\/[a-z0-9-]+|(store|history|provisioning)\/s3-[a-z-]+|(users|locks|provisioning)\/dynamo-[a-z-]+|function\/lambda-[a-z-]+)\.ts$/,
    why: 'only the adapters of AWS speak to it',
  },
  {
    pattern: /(\bfrom |\b(import|require)\()'better-sqlite3'/,
    only: /^sqlite\/better-sqlite\.ts$/,
    why: 'SQLite is opened through its port: sqlite/engine.ts',
  },
  {
    pattern: /(\bfrom |\b(import|require)\(|getBuiltinModule\W*\()'node:sqlite'/,
    only: /^sqlite\/node-sqlite\.ts$/,
    why: 'SQLite is opened through its port: sqlite/engine.ts',
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
      "import type Database, {\n type A } from 'better-sqlite3';",
      "process.getBuiltinModule?.('node:sqlite')",
      "import { test } from 'vitest';",
      "import { x } from '../testing/x.ts';",
      'test.only(',
    ];
    expect(RULES.map(({ pattern }, index) => pattern.test(forbidden[index] ?? ''))).toEqual(RULES.map(() => true));
  });
});

describe('the folders', () => {
  const names = FOLDERS.map(([name]) => name);
  const edges = [...FILES]
    .flatMap(([from, text]) => importedSource(from, text).map((to) => ({ from, to })))
    .filter(({ from, to }) => folderOf(from) !== folderOf(to));

  test('are those of the table', () => {
    const found = new Set([...FILES.keys()].map(folderOf));
    expect([...found].sort()).toEqual([...names].sort());
  });

  test('use only what the table allows, and what stands above them in it: so there is no cycle', () => {
    const strays = edges.filter(({ from, to }) => {
      if (folderOf(to) === 'core' && folderOf(from) !== 'core') return false;
      const [, uses] = FOLDERS.find(([name]) => name === folderOf(from)) ?? ['', {}];
      return !(folderOf(to) in uses) || names.indexOf(folderOf(to)) > names.indexOf(folderOf(from));
    });
    expect(strays).toEqual([]);
  });

  test('use everything that the table allows, so it does not grow old', () => {
    const used = new Set(edges.map(({ from, to }) => `${folderOf(from)} → ${folderOf(to)}`));
    const allowed = FOLDERS.flatMap(([from, uses]) => Object.keys(uses).map((to) => `${from} → ${to}`));
    expect(allowed.filter((edge) => !used.has(edge))).toEqual([]);
  });

  test('have no circle of files', () => {
    expect(circlesIn(FILES)).toEqual([]);
  });

  test('would have one, if a file imported what imports it', () => {
    const circle = new Map([
      ['a/one.ts', "import type { Two } from '../b/two.ts';"],
      ['b/two.ts', "const one = await import('../a/one.ts');"],
      ['b/three.ts', "export * from './two.ts';"],
    ]);
    expect(circlesIn(circle)).toEqual([['a/one.ts', 'b/two.ts']]);
  });
});

// About what a reader keeps in mind at once.
const LINES_MAX = 300;
const TEST_LINES_MAX = 500;

test(`no file is over ${LINES_MAX} lines`, () => {
  const long = [...FILES]
    .map(([path, text]) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > LINES_MAX);
  expect(long).toEqual([]);
});

describe('the tests', () => {
  const root = join(SRC, '..');
  const texts = new Map(
    ['src', 'benchmarks', 'infra']
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
      )
      .map((path) => path.split(sep).join('/'))
      .filter((path) => path.endsWith('.ts') && (!path.startsWith('src/') || TESTING.test(path.slice('src/'.length))))
      .map((path) => [path, readFileSync(join(root, path), 'utf8')] as const),
  );

  /** What a test reaches over files that serve the tests alone, other than types. */
  const reachedBy = (test: string): Set<string> => {
    const reached = new Set<string>();
    const waiting = [test];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      for (const target of valueImports(texts.get(path) ?? '')) {
        const name = target.startsWith('.') ? join(dirname(path), target).split(sep).join('/') : target;
        if (reached.has(name)) continue;
        reached.add(name);
        if (texts.has(name)) waiting.push(name);
      }
    }
    return reached;
  };

  // Processes, what is built, and engines on loopback.
  const STARTS =
    /^node:(child_process|http|net|worker_threads)$|^src\/testing\/(child-process|local-function|[a-z-]+-server|repeating-proxy)\.ts$|^src\/testing\/s3-server\/server\.ts$/;
  const starts = (test: string): string[] => [...reachedBy(test)].filter((path) => STARTS.test(path));
  const units = [...texts.keys()].filter((path) => /\.test\.ts$/.test(path) && !/\.process\.test\.ts$/.test(path));

  test('that start something are called *.process.test.ts', () => {
    const strays = units.map((path) => ({ path, starts: starts(path) })).filter(({ starts }) => starts.length > 0);
    expect(strays).toEqual([]);
  });

  test('would be found if they did', () => {
    expect(units.length).toBeGreaterThan(30);
    expect(starts('src/databases/crash.process.test.ts')).toEqual(
      expect.arrayContaining(['src/testing/child-process.ts', 'node:child_process', 'node:http']),
    );
  });

  test(`have no file over ${TEST_LINES_MAX} lines`, () => {
    const long = [...texts]
      .map(([path, text]) => ({ path, lines: text.trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > TEST_LINES_MAX);
    expect(long).toEqual([]);
  });
});

describe('what a command loads before it needs it', () => {
  // Loading the SDK costs 0.3 s of CPU, and `--help` needs neither it nor SQLite. A command's file is loaded where the
  // command is called, and what it loads at once counts likewise.
  const commands = [...FILES.keys()].filter((path) => /^commands\/[a-z]+\/[a-z0-9-]+\.ts$/.test(path));
  const reached = new Map(['commands/main.ts', ...commands].flatMap((entry) => [...staticallyReached(entry)]));

  test.each(['better-sqlite3', 'sqlite/node-sqlite.ts', '@aws-sdk/', '@smithy/', 'zod', 'chalk'])(
    'is not %s',
    (library) => {
      const via = [...reached].filter(([target]) => target.startsWith(library));
      expect(via).toEqual([]);
    },
  );

  test('is the commands and what they are made with, so the walk works', () => {
    const some = ['commander', 'config/config.ts', 'commands/execute.ts', 'commands/index.ts', 'commands/db/query.ts'];
    expect([...reached.keys()]).toEqual(expect.arrayContaining(some));
  });

  test('is no command, where none is called', () => {
    expect([...staticallyReached('commands/main.ts').keys()].filter((path) => commands.includes(path))).toEqual([]);
  });

  test('is neither the SDK nor SQLite for a program that imports the library', () => {
    const libraries = [...staticallyReached('library/index.ts').keys()].filter((target) =>
      /^(better-sqlite3|sqlite\/node-sqlite\.ts|@aws-sdk\/)/.test(target),
    );
    expect(libraries).toEqual([]);
  });

  test.each(['library/store.ts', 'sqlite/better-sqlite.ts', 'lambda/lambda.ts', 'aws/s3-client.ts'])(
    'would be a library through %s',
    (entry) => {
      const libraries = [...staticallyReached(entry).keys()].filter((target) =>
        /^(better-sqlite3|sqlite\/node-sqlite\.ts|@aws-sdk\/)/.test(target),
      );
      expect(libraries).not.toEqual([]);
    },
  );
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

function folderOf(path: string): string {
  return path.split('/')[0] ?? '';
}

/** What a file imports of the source in any way, for types too. */
function importedSource(path: string, text: string): string[] {
  const named = text.matchAll(/(?:\bfrom |^import |\bimport\()'(\.[^']+)'/gm);
  return [...named].map((match) =>
    relative(SRC, resolve(SRC, dirname(path), match[1] ?? ''))
      .split(sep)
      .join('/'),
  );
}

/** Groups of files each of which imports, over others perhaps, all the others of its group. */
function circlesIn(files: ReadonlyMap<string, string>): string[][] {
  const imports = new Map([...files].map(([path, text]) => [path, importedSource(path, text)]));
  const reachable = (from: string): Set<string> => {
    const found = new Set<string>();
    const waiting = [...(imports.get(from) ?? [])];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (found.has(path)) continue;
      found.add(path);
      waiting.push(...(imports.get(path) ?? []));
    }
    return found;
  };
  const reached = new Map([...files.keys()].map((path) => [path, reachable(path)]));
  const circle = (path: string): string[] =>
    [...files.keys()].filter((other) => reached.get(path)?.has(other) && reached.get(other)?.has(path)).sort();
  const circles = [...files.keys()].map(circle).filter((members) => members.length > 0);
  return [...new Map(circles.map((members) => [members.join(), members])).values()];
}
