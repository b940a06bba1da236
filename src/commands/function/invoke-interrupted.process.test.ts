import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { killGroup, SCRIPTS, startScript } from '../../testing/child-process.ts';
import { freshMachine } from '../../testing/run-command.ts';

test('Ctrl-C in the middle of a selfcheck says that its test data may be left, and what removes it', async () => {
  const env = { ...freshMachine() };
  const databases = join(env.JAVUMBO_HOME ?? '', 'databases');
  const running = startScript(SCRIPTS.javumbo, ['function', 'invoke', 'selfcheck', '--rtt', '3s', '--quiet'], env);
  try {
    // Put, and three seconds away from being deleted at the least.
    while (!existsSync(databases) || readdirSync(databases).length === 0) await sleep(20);
    running.signal('SIGINT');
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toEqual({
      code: 130,
      stderr: expect.stringMatching(/^warning: test data of run [0-9a-f]+ may be left: javumbo clean all removes it/),
    });
  } finally {
    killGroup(running);
  }
});
