/** What the commands say on a terminal of 80 columns fits it: help, results and errors. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { displayWidth } from '../cli/display-width.ts';
import { processContext } from '../core/context.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';
import { buildProgram } from './main.ts';

const machine = freshMachine();
const { HOME = '' } = machine;
const script = join(HOME, 'migration.sql');
const report = join(HOME, 'report.json');

beforeAll(async () => {
  for (const user of ['alice', 'bob']) await runCommand(['db', 'create', user], { env: machine });
  await runCommand(['db', 'add-note', 'alice', '--field', 'a', '--field', 'b'], { env: machine });
  writeFileSync(script, "UPDATE notes SET tags = ' x '");
  const argv = ['bench', 'latency', '--rtt', '0', '--requests', '2', '--quiet', '--report', `json=${report}`];
  await runCommand(argv, { env: machine });
});

/** The lines that are wider than the terminal, but for those that name a path, which stays whole. */
function tooWide(text: string): string[] {
  // What a line was before it was drawn anew is gone.
  const lines = text.split('\n').map((line) => stripVTControlCharacters(line.split('\r').at(-1) ?? ''));
  return lines.filter((line) => displayWidth(line) > 80 && !line.includes(HOME));
}

test('the help of javumbo and of every noun', async () => {
  const program = await buildProgram(processContext(), async () => {});
  for (const words of [[], ...program.commands.map((noun) => [noun.name()])]) {
    const { code, stdout } = await runCommand([...words, '--help'], { env: machine, tty: true });
    expect({ words, code, wide: tooWide(stdout) }).toEqual({ words, code: 0, wide: [] });
  }
});

test.each([
  { code: 0, argv: ['db', 'list'] },
  { code: 0, argv: ['db', 'info', 'alice'] },
  { code: 0, argv: ['db', 'query', 'alice', 'SELECT * FROM notes, cards'] },
  { code: 0, argv: ['db', 'history', 'alice'] },
  { code: 0, argv: ['db', 'diff', 'alice', '--rows'] },
  { code: 0, argv: ['db', 'check', 'alice'] },
  { code: 0, argv: ['db', 'audit', '--all'] },
  { code: 3, argv: ['db', 'query', 'alice', 'SELECT 1', '--at', '2020-01-01'] },
  { code: 2, argv: ['db', 'delete', 'alice'] },
  { code: 2, argv: ['db', 'purge', 'alice'] },
  { code: 4, argv: ['db', 'create', 'alice'] },
  { code: 4, argv: ['db', 'copy', 'alice', 'bob'] },
  { code: 7, argv: ['fleet', 'check'] },
  { code: 0, argv: ['fleet', 'stats', '--deep'] },
  { code: 0, argv: ['fleet', 'exec', '--dry-run', '--file', script] },
  { code: 0, argv: ['fleet', 'exec', '--file', script] },
  { code: 0, argv: ['backup', 'create', join(HOME, 'backups')] },
  { code: 0, argv: ['backup', 'restore', '--dry-run', join(HOME, 'backups')] },
  { code: 0, argv: ['doctor'] },
  { code: 0, argv: ['deployment', 'describe'] },
  { code: 0, argv: ['function', 'describe'] },
  { code: 0, argv: ['function', 'invoke', 'selfcheck'] },
  { code: 0, argv: ['verify', 'day1'] },
  { code: 7, argv: ['verify', 'day1', '--only', '1.4', '--expect-body', 'a body that no function of ours answers'] },
  { code: 0, argv: ['verify', 'day2', '--verbose'] },
  { code: 0, argv: ['report', 'show', report] },
  { code: 0, argv: ['bench', 'compare', report, report] },
  { code: 0, argv: ['bench', 'load', '--users', '2', '--rate', '20/s', '--duration', '200ms', '--rtt', '0'] },
  { code: 7, argv: ['bench', 'hit-rate', '--requests', '3', '--rtt', '0', '--threshold', 'requestMs.p99<1000'] },
  { code: 2, argv: ['bench', 'load', '--find-limit', '--rate', '1/s', '--objective', 'totalMs.p99<10'] },
  { code: 0, argv: ['cache', 'stats'] },
  { code: 0, argv: ['clean', 'tmp', '--list'] },
  { code: 0, argv: ['config', 'show'] },
])('$argv.0 $argv.1 $argv.2 ends with $code', async ({ code, argv }) => {
  const shown = await runCommand(argv, { env: machine, tty: true });
  expect({ code: shown.code, wide: [...tooWide(shown.stdout), ...tooWide(shown.stderr)] }).toEqual({ code, wide: [] });
  expect(shown.stdout + shown.stderr).not.toMatch(/\d{4}-\d\d-\d\dT\d\d:/);
});
