import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeDirectory } from './make-directory.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-make-directory-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('makes what is missing, for this user alone, and leaves what exists', () => {
  chmodSync(directory, 0o755);
  makeDirectory(join(directory, 'a', 'b', 'c'));
  makeDirectory(join(directory, 'a', 'b', 'c'));
  expect(
    [directory, join(directory, 'a'), join(directory, 'a/b/c')].map((path) => statSync(path).mode & 0o777),
  ).toEqual([0o755, 0o700, 0o700]);
});

test.each([
  { name: 'a file', path: () => join(directory, 'file'), code: 'EEXIST' },
  { name: 'below a file', path: () => join(directory, 'file', 'a'), code: 'ENOTDIR' },
  // Where Node's own recursive mkdir never returns.
  { name: 'where the system makes none', path: () => '/proc/nowhere/at/all', code: 'ENOENT' },
])('$name is an error, and not a wait without end', ({ path, code }) => {
  writeFileSync(join(directory, 'file'), '');
  expect(() => makeDirectory(path())).toThrow(code);
});
