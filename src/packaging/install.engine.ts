/** The package as npm installs it from its tarball, without install scripts, under Node 20, 22 and 24. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { COMPILER, PROGRAMS, SHOWN, writePrograms } from '../testing/library-page.ts';
import { ROOT } from '../testing/pages.ts';
import { temporaryDirectory } from '../testing/run-command.ts';

const nodes = inject('lambdaNodes');

const TARBALL_BYTES_MAX = 3_000_000;
const INSTALLED_BYTES_MAX = 15_000_000;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program that finds this Node first on its path. npm keeps its own settings: they say where the registry is. */
async function run(node: string, directory: string, command: string, ...argv: string[]): Promise<Ended> {
  const own = { HOME: directory, JAVUMBO_HOME: join(directory, 'home'), JAVUMBO_CACHE_DIR: join(directory, 'cache') };
  const env = { ...(command === 'npm' ? process.env : own), PATH: [dirname(node), process.env.PATH].join(delimiter) };
  const done = promisify(execFile)(command, argv, { cwd: directory, env, maxBuffer: 16 * 1024 * 1024 });
  return done.then(
    (output) => ({ code: 0, ...output }),
    ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
  );
}

function bytesIn(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((path) => statSync(join(directory, path)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

let tarball: string;

beforeAll(async () => {
  const directory = temporaryDirectory();
  const packed = await run(process.execPath, ROOT, 'npm', 'pack', '--ignore-scripts', '--pack-destination', directory);
  expect(packed).toMatchObject({ code: 0 });
  tarball = join(directory, readdirSync(directory).find((name) => name.endsWith('.tgz')) ?? '');
});

test('the tarball is small, and holds what runs, its types, its notices and its pages', async () => {
  expect(statSync(tarball).size).toBeLessThan(TARBALL_BYTES_MAX);
  const { stdout } = await run(process.execPath, ROOT, 'tar', '-tzf', tarball);
  const files = stdout.trim().split('\n');
  for (const file of [
    'bin/javumbo.js',
    'dist/bundle/THIRD-PARTY-NOTICES.txt',
    'dist/types/library/index.d.ts',
    'README.md',
  ]) {
    expect(files).toContain(`package/${file}`);
  }
  const outside =
    /^package\/(bin|dist\/bundle|dist\/types|docs|infra|src\/report\/report\.schema\.json|package\.json|README\.md)/;
  expect(files.filter((file) => !outside.test(file))).toEqual([]);
  expect(files.filter((file) => /\.(test|engine)\.|testing|packaging|\.map$/.test(file))).toEqual([]);
});

test('without optional dependencies nothing but itself is installed', async () => {
  const directory = temporaryDirectory();
  const installed = await run(
    process.execPath,
    directory,
    'npm',
    'install',
    '--omit=optional',
    '--ignore-scripts',
    tarball,
  );
  expect(installed).toMatchObject({ code: 0 });
  const modules = join(directory, 'node_modules');
  expect(readdirSync(modules).filter((name) => !name.startsWith('.'))).toEqual(['javumbo']);
  expect(bytesIn(modules)).toBeLessThan(INSTALLED_BYTES_MAX);
});

describe.runIf(nodes !== undefined).each([
  { version: 'Node 20', node: process.execPath },
  { version: 'Node 22', node: nodes?.NODE_22 ?? '' },
  { version: 'Node 24', node: nodes?.NODE_24 ?? '' },
])('installed under $version without install scripts', ({ version, node }) => {
  let directory: string;

  const javumbo = (...argv: string[]): Promise<Ended> =>
    run(node, directory, join(directory, 'global/bin/javumbo'), ...argv, '--quiet');

  beforeAll(async () => {
    directory = temporaryDirectory();
    writePrograms(directory);
    const types = `@types/node@${JSON.parse(readFileSync(join(ROOT, 'node_modules/@types/node/package.json'), 'utf8')).version}`;
    for (const argv of [
      [tarball, types],
      ['--global', '--prefix', join(directory, 'global'), tarball],
    ]) {
      expect(
        await run(node, directory, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', ...argv),
      ).toMatchObject({
        code: 0,
      });
    }
  });

  test('the command starts', async () => {
    expect(await javumbo('--version')).toMatchObject({ code: 0, stderr: '' });
  });

  test.runIf(version === 'Node 20')('what needs SQLite says what to do, and works when that is done', async () => {
    const { code, stderr } = await javumbo('db', 'create', 'alice');
    expect({ code, stderr }).toEqual({ code: 5, stderr: expect.stringMatching(/Node 22\.16/) });
    for (const modules of [
      join(directory, 'node_modules'),
      join(directory, 'global/lib/node_modules/javumbo/node_modules'),
    ]) {
      // What `npm rebuild better-sqlite3` makes, in two minutes.
      mkdirSync(join(modules, 'better-sqlite3/build/Release'), { recursive: true });
      const binary = 'better-sqlite3/build/Release/better_sqlite3.node';
      cpSync(join(ROOT, 'node_modules', binary), join(modules, binary));
    }
  });

  test('it does the main job', async () => {
    for (const argv of [
      ['db', 'create', 'alice'],
      ['db', 'add-note', 'alice', '--field', 'der Hund', '--field', 'the dog'],
      ['db', 'exec', 'alice', "UPDATE notes SET tags = ' animal '"],
      ['db', 'check', 'alice'],
      ['verify', 'day2'],
    ]) {
      expect({ argv, ...(await javumbo(...argv)) }).toMatchObject({ argv, code: 0, stderr: '' });
    }
    expect(await javumbo('db', 'query', 'alice', 'SELECT sfld, tags FROM notes', '--json')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('der Hund'),
      stderr: '',
    });
  });

  test('every program of docs/library.md compiles against it, and the first runs', async () => {
    expect(PROGRAMS.length).toBeGreaterThanOrEqual(3);
    expect(await run(process.execPath, directory, process.execPath, COMPILER, '-p', directory)).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect(await run(node, directory, node, join(directory, 'out/program0.js'))).toMatchObject({
      code: 0,
      stdout: SHOWN,
    });
  });
});
