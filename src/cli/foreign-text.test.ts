/** What is stored, typed or thrown by others, on each way out. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freshMachine, runCommand, temporaryDirectory } from '../testing/run-command.ts';

const EVIL = '\u001b[2J\u202e\u009b31m';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come out
const DRIVES = /[\u0000-\u0008\u000b-\u001a\u001c-\u001e\u007f-\u009f\u202e]|\u001b(?!\[\d+m|\[2K|\[\d+A|\[J)/;

async function machine() {
  const env = freshMachine();
  expect((await runCommand(['db', 'create', 'alice', '--quiet'], { env })).code).toBe(0);
  return env;
}

describe('a cell', () => {
  const sql = `SELECT '::error::' || char(27) || '[2J' || char(8238) AS "::${'\u001b'}c"`;
  test.each([
    { name: 'in a pipe', flags: [], tty: false },
    { name: 'in JSON', flags: ['--json'], tty: false },
    { name: 'on a terminal', flags: [], tty: true },
  ])('$name', async ({ flags, tty }) => {
    const { code, stdout } = await runCommand(['db', 'query', 'alice', sql, ...flags], { env: await machine(), tty });
    expect(code).toBe(0);
    expect(stdout).not.toMatch(DRIVES);
    if (!tty) expect(stdout).not.toMatch(/^\s*::/m);
  });
});

test('a name in a schema, which may look like a colour of ours', async () => {
  const env = await machine();
  const named = ['db', 'exec', 'alice', 'CREATE TABLE "x\u001b[31m\u001b[8mhidden" (a)'];
  expect((await runCommand([...named, '--quiet'], { env })).code).toBe(0);
  for (const argv of [
    ['schema', 'alice'],
    ['query', 'alice', 'SELECT sql FROM sqlite_schema'],
  ]) {
    const { stdout } = await runCommand(['db', ...argv, '--quiet', '--no-color'], { env, tty: true });
    expect(stdout).toContain('hidden');
    expect(stdout).not.toContain('\u001b');
  }
});

describe('an error', () => {
  test.each([
    { name: 'for people', flags: [] },
    { name: 'in JSON', flags: ['--json'] },
    { name: 'with its stack', flags: ['--verbose'] },
  ])('$name', async ({ flags }) => {
    for (const argv of [
      ['db', 'query', 'alice', `SELECT "${EVIL}\n::error::x"`],
      ['db', `${EVIL}\n::error::x`],
      ['db', 'info', `${EVIL}\n::error::x`],
      ['db', 'list', '--bucket', `${EVIL}\n::error::x`],
    ]) {
      const { code, stderr } = await runCommand([...argv, ...flags], { env: await machine() });
      expect(code).not.toBe(0);
      expect(stderr).not.toMatch(DRIVES);
      expect(stderr).not.toMatch(/^\s*::/m);
    }
  });
});

test('a report of somebody else', async () => {
  const directory = temporaryDirectory();
  const env = freshMachine();
  const [json, own] = [join(directory, 'own.json'), join(directory, 'evil.json')];
  await runCommand(['verify', 'day2', '--only', '2.1', '--report', `json=${json}`, '--quiet'], { env });
  const { readFileSync } = await import('node:fs');
  const report = JSON.parse(readFileSync(json, 'utf8'));
  report.warnings = [`${EVIL}\n::error::x`];
  report.failureReasons = [`\n::error::${EVIL}`];
  writeFileSync(own, JSON.stringify(report));
  for (const flags of [[], ['--json']]) {
    const { stdout, stderr } = await runCommand(['report', 'show', own, ...flags], { env });
    expect(stdout + stderr).not.toMatch(DRIVES);
    expect(stdout + stderr).not.toMatch(/^\s*::/m);
  }
});
