/** Command lines that nothing can be made of, and what is said about them. */
import { expect, test } from 'vitest';
import { processContext } from '../core/context.ts';
import { runCommand } from '../testing/run-command.ts';
import { buildProgram } from './main.ts';

test.each([
  { argv: ['help', 'nope'], error: "unknown command 'nope'", hint: 'javumbo --help' },
  { argv: ['verify', 'day6'], error: "unknown command 'day6'", hint: 'javumbo verify --help' },
  { argv: ['verify', 'dai1'], error: "unknown command 'dai1'", hint: 'javumbo verify day1' },
  { argv: ['config', 'rename'], error: "unknown command 'rename'", hint: 'javumbo config --help' },
  { argv: ['complete'], error: "unknown command 'complete'", hint: 'javumbo completion' },
  { argv: ['--versio'], error: "unknown option '--versio'", hint: '--version' },
  { argv: ['clean', 'all', '--versions'], error: "unknown option '--versions'", hint: 'javumbo clean all --help' },
  { argv: ['user', 'update', 'a', '--role'], error: "unknown option '--role'", hint: 'javumbo user update --help' },
  { argv: ['db', 'list', '--prefx', 'a'], error: "unknown option '--prefx'", hint: '--prefix' },
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

test.each([
  { long: '--yes', short: '-y' },
  { long: '--dry-run', short: '-n' },
  { long: '--out', short: '-o' },
])('$long is $short wherever it is', async ({ long, short }) => {
  const program = await buildProgram(processContext(), async () => {});
  const options = program.commands
    .flatMap((noun) => [noun, ...noun.commands])
    .flatMap((command) => command.options.map((option) => ({ command: command.name(), option })))
    .filter(({ option }) => option.long === long);
  expect(options.length).toBeGreaterThan(2);
  expect(options.filter(({ option }) => option.short !== short).map(({ command }) => command)).toEqual([]);
});
