import { expect, test } from 'vitest';
import { killGroup, SCRIPTS, startScript } from '../testing/child-process.ts';
import { busy, childOf, gone } from '../testing/long-command.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';

test('a container that is in SQLite when its command is killed does not outlive it', async () => {
  const env = { ...freshMachine() };
  // The function runs no trigger of a user's; the condition of an index is evaluated, and this one takes minutes.
  const term = 'length(hex(zeroblob(99000000 + csum % 2)))';
  const endless = `CREATE INDEX endless ON notes (csum) WHERE ${Array(800).fill(term).join(' + ')} > 0`;
  for (const argv of [
    ['db', 'create', 'alice'],
    ['db', 'exec', 'alice', endless],
  ]) {
    expect(await runCommand(argv, { env })).toMatchObject({ code: 0 });
  }
  const running = startScript(SCRIPTS.javumbo, ['function', 'invoke', 'write', 'alice', '--field', 'a'], env);
  const container = await childOf(running.pid);
  await busy(container);
  killGroup(running);
  // Otherwise it would run for minutes.
  await expect(gone(container)).resolves.toBeUndefined();
});
