import { expect, test } from 'vitest';
import { killGroup, SCRIPTS, startScript } from '../testing/child-process.ts';
import { busy, childOf, ENDLESS, gone } from '../testing/long-command.ts';
import { freshMachine, runCommand } from '../testing/run-command.ts';

test('a container that is in SQLite when its command is killed does not outlive it', async () => {
  const env = { ...freshMachine() };
  const trigger = `CREATE TRIGGER endless AFTER INSERT ON notes BEGIN INSERT INTO counts ${ENDLESS.replace(
    /^(WITH .*\)) SELECT count\(\*\) FROM c$/,
    'SELECT count(*) FROM ($1 SELECT x FROM c)',
  )}; END`;
  for (const argv of [
    ['db', 'create', 'alice'],
    ['db', 'exec', 'alice', 'CREATE TABLE counts (n)'],
    ['db', 'exec', 'alice', trigger],
  ]) {
    expect(await runCommand(argv, { env })).toMatchObject({ code: 0 });
  }
  const running = startScript(SCRIPTS.javumbo, ['function', 'invoke', 'write', 'alice', '--field', 'a'], env);
  const container = await childOf(running.pid);
  await busy(container);
  killGroup(running);
  // Otherwise it would run for ever.
  await expect(gone(container)).resolves.toBeUndefined();
});
