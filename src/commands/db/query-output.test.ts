/** What a query prints, for people and for programs, and where its SQL comes from. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { freshMachine, runCommand } from '../../testing/run-command.ts';

const env = { ...freshMachine(), NO_COLOR: '1' };

beforeAll(async () => {
  await runCommand(['db', 'create', 'alice'], { env });
  await runCommand(['db', 'add-note', 'alice', '--field', 'der Hund', '--field', 'the dog'], { env });
});

const query = (argv: readonly string[], options: Parameters<typeof runCommand>[1] = {}) =>
  runCommand(['db', 'query', 'alice', ...argv, '--quiet'], { ...options, env });

test('a terminal of 80 columns shows all 18 columns of a card, a line each', async () => {
  await runCommand(['db', 'exec', 'alice', 'UPDATE cards SET due = 1234567890123'], { env });
  const { stdout } = await query(['SELECT * FROM cards'], { tty: true });
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(18 + 1);
  expect(lines).toContain('due     1234567890123');
  expect(lines.at(-1)).toBe('1 row');
});

test('a table and lines are counted on a terminal, what is for programs is not', async () => {
  const { stdout } = await query(['SELECT 1 AS one', '--format', 'csv'], { tty: true });
  expect(stdout).toBe('one\r\n1\r\n');
  expect((await query(['SELECT 1 AS one', '--format', 'line'], { tty: true })).stdout).toBe('one  1\n1 row\n');
});

describe('SQL on standard input', () => {
  test('is queried', async () => {
    expect((await query(['-', '7'], { piped: 'SELECT ?;\n' })).stdout).toBe('7\n');
  });

  test('is executed', async () => {
    const script = "UPDATE notes SET tags = ' a ';\nUPDATE cards SET queue = 0;\n";
    const { code, json } = await runCommand(['db', 'exec', 'alice', '-', '--json'], { env, piped: script });
    expect({ code, changes: json().changes }).toEqual({ code: 0, changes: 2 });
  });

  test('is UTF-8', async () => {
    const { code, stderr } = await query(['-'], { piped: Buffer.from("SELECT '\xff'", 'latin1') });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('standard input is not UTF-8: byte 9, on line 1'),
    });
  });
});

describe('a pull to standard output', () => {
  test('is the file, and its version is a note', async () => {
    const { json } = await runCommand(['db', 'info', 'alice', '--json'], { env });
    const { file } = await runCommand(['db', 'pull', 'alice', '--json', '--out', `${env.HOME}/a.anki2`], { env }).then(
      (pulled) => pulled.json(),
    );
    const bytes: Buffer[] = [];
    const { code, stderr } = await runCommand(['db', 'pull', 'alice', '--out', '-'], {
      env,
      onBytes: (chunk) => bytes.push(chunk),
    });
    expect(code).toBe(0);
    expect(Buffer.concat(bytes).equals(readFileSync(file))).toBe(true);
    expect(stderr).toContain(`of version ${json().version}`);
  });

  test('is refused on a terminal', async () => {
    const { code, stdout, stderr } = await runCommand(['db', 'pull', 'alice', '--out', '-'], { env, tty: true });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('a terminal shows no bytes');
  });
});
