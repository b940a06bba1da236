/** Command lines that nothing can be made of, and what is said about them. */
import { expect, test } from 'vitest';
import { runCommand } from '../testing/run-command.ts';

test.each([
  { argv: ['help', 'nope'], error: "unknown command 'nope'", hint: 'javumbo --help' },
  { argv: ['verify', 'day6'], error: "unknown command 'day6'", hint: 'javumbo verify --help' },
  { argv: ['verify', 'dai1'], error: "unknown command 'dai1'", hint: 'javumbo verify day1' },
  { argv: ['db', 'lst'], error: "unknown command 'lst'", hint: 'javumbo db list' },
  {
    argv: ['function', 'invoke', 'nope'],
    error: 'operation is one of ping, selfcheck, read, write, cache-stats, cleanup, not "nope"',
    hint: 'javumbo function invoke --help',
  },
  { argv: ['db'], error: 'javumbo db needs a subcommand', hint: 'javumbo db --help' },
])('$argv', async ({ argv, error, hint }) => {
  const { code, stdout, stderr } = await runCommand(argv);
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `error: ${error}\ntry:   ${hint}\n` });
});
