import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { killGroup, SCRIPTS, startScript } from '../../testing/child-process.ts';
import { asReport } from '../../testing/report-schema.ts';
import { freshMachine, runCommand } from '../../testing/run-command.ts';

const VERIFY = ['verify', 'consistency', '--quiet'];

test.each([
  { name: 'a sabotage that nobody knows', argv: ['--sabotage', 'nonsense'], says: 'there is no sabotage nonsense' },
  { name: 'a fault that cannot be made there', argv: ['--faults', 'cut-body'], says: 'there is no fault cut-body' },
  { name: 'a duration without a unit', argv: ['--duration', '60'], says: 'with its unit' },
  { name: 'a history that is not there', argv: ['--check', 'nowhere.jsonl'], says: 'nowhere.jsonl cannot be read' },
])('$name is refused', async ({ argv, says }) => {
  const { code, stderr } = await runCommand([...VERIFY, ...argv], { env: freshMachine() });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(says) });
});

test('a history that is there is not written over', async () => {
  const env = freshMachine();
  const history = join(env.HOME, 'run.jsonl');
  writeFileSync(history, 'mine');
  const { code } = await runCommand([...VERIFY, '--history', history], { env });
  expect({ code, text: readFileSync(history, 'utf8') }).toEqual({ code: 2, text: 'mine' });
});

test('killed while its clients work, it leaves what clean all removes, and a history that can be judged', async () => {
  const env = freshMachine();
  const TMPDIR = join(env.HOME, 'tmp');
  mkdirSync(TMPDIR);
  const history = join(env.HOME, 'run.jsonl');
  const argv = [...VERIFY, '--clients', '3', '--duration', '1h', '--history', history];
  const running = startScript(SCRIPTS.javumbo, argv, { ...env, TMPDIR });
  const returned = (): number => (existsSync(history) ? readFileSync(history, 'utf8').split('"return"').length - 1 : 0);
  while (returned() < 60) await sleep(20);
  running.signal('SIGKILL');
  await running.ended;
  // The clients end with their parent.
  killGroup(running);

  const checked = await runCommand(['verify', 'consistency', '--check', history, '--json'], { env });
  const report = asReport(checked.json());
  expect({ code: checked.code, reasons: report.failureReasons }).toEqual({ code: 0, reasons: [] });
  expect(report.history?.operations).toBeGreaterThanOrEqual(60);
  expect(report.history?.faults).toEqual({});

  expect((await runCommand(['clean', 'all', '--quiet'], { env })).code).toBe(0);
  const databases = join(env.JAVUMBO_HOME ?? '', 'databases');
  expect(existsSync(databases) ? readdirSync(databases) : []).toEqual([]);
  const users = await runCommand(['user', 'list', '--json', '--quiet'], { env });
  expect(users.json().users).toEqual([]);
});
