/** A program that has only read docs/library.md: it is compiled against the published package, and runs. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMPILER, PROGRAMS, SHOWN, writePrograms } from '../testing/library-page.ts';
import { ROOT } from '../testing/pages.ts';

let directory: string;

async function run(command: string, ...argv: string[]): Promise<string> {
  const env = { PATH: process.env.PATH, HOME: directory, TMPDIR: directory };
  return (await promisify(execFile)(command, argv, { cwd: directory, env })).stdout;
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-consumer-'));
  const modules = join(directory, 'node_modules');
  mkdirSync(join(modules, 'javumbo'), { recursive: true });
  await promisify(execFile)('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], { cwd: ROOT });
  const [tarball = ''] = readdirSync(directory).filter((name) => name.endsWith('.tgz'));
  await run('tar', '-xzf', tarball, '-C', join(modules, 'javumbo'), '--strip-components=1');
  const { dependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(modules, 'javumbo', 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'optionalDependencies', Record<string, string>>;
  // What npm would install beside it: what the package itself asks for, and no more.
  for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), '@types/node']) {
    mkdirSync(join(modules, name, '..'), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  writePrograms(directory);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('every program of docs/library.md compiles against the package, strictly and with the types of its libraries', async () => {
  expect(PROGRAMS.length).toBeGreaterThanOrEqual(3);
  const said = await run(process.execPath, COMPILER, '-p', directory).catch(
    (error: { stdout: string }) => error.stdout,
  );
  expect(said).toBe('');
});

test('the first of them runs on a directory, and prints what the page shows', async () => {
  expect(SHOWN).not.toBe('');
  expect(await run(process.execPath, join(directory, 'out/program0.js'))).toBe(SHOWN);
});
