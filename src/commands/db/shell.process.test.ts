/** The session as a person has it, at a terminal: util-linux's `script` is one. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SCRIPTS } from '../../testing/child-process.ts';
import { freshMachine, runCommand } from '../../testing/run-command.ts';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const TAB = '\t';

let env: ReturnType<typeof freshMachine>;
let terminal: Terminal | undefined;

beforeEach(async () => {
  env = freshMachine();
  await runCommand(['db', 'create', 'alice'], { env });
});

afterEach(() => {
  terminal?.child.kill('SIGKILL');
});

class Terminal {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<number | null>;
  #shown = '';
  #seen = 0;

  constructor(command: string) {
    this.child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      env: { ...process.env, ...env, TERM: 'xterm', NO_COLOR: '1' },
    });
    this.child.stdout.on('data', (chunk) => {
      this.#shown += chunk;
    });
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  type(keys: string): void {
    this.child.stdin.write(keys);
  }

  /** Returns what was shown since the last call, once it ends with `text`. */
  async until(text: string): Promise<string> {
    for (;;) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what moves the cursor
      const plain = this.#shown.replace(/\u001b\[[\d;?]*[A-Za-z]/g, '').replaceAll('\r', '');
      const fresh = plain.slice(this.#seen);
      if (fresh.endsWith(text)) {
        this.#seen = plain.length;
        return fresh;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function open(): Terminal {
  terminal = new Terminal(`${process.execPath} ${SCRIPTS.javumbo} db shell alice --quiet`);
  return terminal;
}

const graves = async (): Promise<string> =>
  (await runCommand(['db', 'query', 'alice', 'SELECT count(*) FROM graves'], { env })).stdout.trim();

test('the prompt shows what waits, names are completed, and a commit stores it', async () => {
  const shell = open();
  await shell.until('alice> ');
  // What comes in one piece was pasted: a tab in it is one.
  shell.type('INSERT INTO gra');
  await shell.until('INSERT INTO gra');
  shell.type(TAB);
  await shell.until('ves');
  shell.type(' VALUES\r');
  expect(await shell.until('     > ')).toContain(' VALUES');
  shell.type('(1, 1, 1);\r');
  await shell.until('alice*> ');
  expect(await graves()).toBe('0');
  shell.type('.commit\r');
  await shell.until('alice> ');
  expect(await graves()).toBe('1');
  shell.type(CTRL_D);
  expect(await shell.ended).toBe(0);
  const history = join(env.JAVUMBO_HOME, 'shell-history');
  expect(readFileSync(history, 'utf8')).toBe('.commit\n(1, 1, 1);\nINSERT INTO graves VALUES\n');
  expect(statSync(history).mode & 0o777).toBe(0o600);
});

test('Ctrl-C drops the statement that is being typed, and Ctrl-D leaves changes only when it is pressed again', async () => {
  const shell = open();
  await shell.until('alice> ');
  shell.type("SELECT 'a\r");
  await shell.until('     > ');
  shell.type(CTRL_C);
  await shell.until('alice> ');
  shell.type('DELETE FROM graves; INSERT INTO graves VALUES (1, 1, 1);\r');
  await shell.until('alice*> ');
  shell.type(CTRL_D);
  expect(await shell.until('alice*> ')).toContain('2 statements not committed: .commit stores the changes');
  shell.type(CTRL_D);
  expect(await shell.ended).toBe(0);
  expect(await graves()).toBe('0');
});

test('what was pasted behind a commit that asks is no answer', async () => {
  const shell = open();
  await shell.until('alice> ');
  // More than one read brings.
  shell.type(`DELETE FROM col;\r.commit\r${'alice\r'.repeat(3000)}`);
  expect(await shell.until('Type alice to go on: ')).toContain('what was entered behind it is dropped');
  shell.type('no\r');
  expect(await shell.until('alice*> ')).toContain('not confirmed');
  shell.type('.commit\r');
  await shell.until('Type alice to go on: ');
  shell.type('alice\r');
  await shell.until('alice> ');
  expect((await runCommand(['db', 'query', 'alice', 'SELECT count(*) FROM col'], { env })).stdout).toBe('0\n');
});

test('Ctrl-C ends a statement that runs, and the program with it, and nothing is stored', async () => {
  const shell = open();
  await shell.until('alice> ');
  shell.type('INSERT INTO graves VALUES (1, 1, 1);\r');
  await shell.until('alice*> ');
  const endless = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n;';
  shell.type(`${endless}\r`);
  await shell.until(`${endless}\n`);
  const pressing = setInterval(() => shell.type(CTRL_C), 300);
  expect(await shell.ended.finally(() => clearInterval(pressing))).toBe(130);
  expect(await graves()).toBe('0');
});

test('lines that are pasted at once run one after another', async () => {
  const shell = open();
  await shell.until('alice> ');
  shell.type('SELECT 40 + 2 AS a;\rSELECT 40 + 3 AS b;\rSELECT 40 ');
  await shell.until('alice> SELECT 40 ');
  shell.type('+ 4 AS c;\r');
  expect(await shell.until('alice> ')).toContain('44');
});

test('what was pasted behind a line that fails does not run', async () => {
  const shell = open();
  await shell.until('alice> ');
  shell.type(
    'SELECT nope; INSERT INTO graves\rVALUES (1, 1, 1);\rINSERT INTO graves VALUES (2, 2, 2);\r.commit\rSELECT 4',
  );
  expect(await shell.until('alice> ')).toContain('no such column: nope');
  shell.type('SELECT 40 + 2 AS a;\r');
  const shown = await shell.until('alice> ');
  expect(shown).toContain('42');
  expect(shown).not.toContain('VALUES');
  expect(await graves()).toBe('0');
});

test('a conflict says what can be done, and the changes are made again', async () => {
  const shell = open();
  await shell.until('alice> ');
  shell.type('INSERT INTO graves VALUES (1, 1, 1);\r');
  await shell.until('alice*> ');
  await runCommand(['db', 'exec', 'alice', 'INSERT INTO graves VALUES (2, 2, 2)'], { env });
  shell.type('.commit\r');
  expect(await shell.until('alice*> ')).toMatch(/error: .* was changed by somebody else[\s\S]*try: {3}\.rebase/);
  shell.type('.rebase\r');
  await shell.until('alice*> ');
  shell.type('.commit\r');
  await shell.until('alice> ');
  expect(await graves()).toBe('2');
});
