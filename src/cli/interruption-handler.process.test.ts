/** The handler itself, in processes of their own: what a signal does depends on the very moment at which it comes. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { type ChildResult, startScript } from '../testing/child-process.ts';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));

/** Runs a script that has an `interruption`, and `signalled(signal)`, which sends a signal to its own process. */
function run(script: string): Promise<ChildResult> {
  const whole = `
    import { readFile } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { Interruption } from '${DIST}/cli/interruption.js';
    import { processContext } from '${DIST}/core/context.js';
    const context = processContext();
    const { cleanUps } = context;
    const interruption = new Interruption(process, context);
    const { runBlocking, signal } = interruption;
    const signalled = (name) => process.kill(process.pid, name);
    const spin = (milliseconds) => { for (const end = Date.now() + milliseconds; Date.now() < end; ); };
    const say = (text) => process.stdout.write(text + '\\n');
    ${script}`;
  return startScript('--input-type=module', ['-e', whole], {}).ended;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

test.each(SIGNALS)('%s stops the work in order', async (name) => {
  const { code, stdout } = await run(`
    signalled('${name}');
    await sleep(100);
    say(signal.aborted + ' ' + signal.reason.kind);`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'true interrupted\n' });
});

test.each(SIGNALS)('%s ends the process in the middle of blocking work', async (name) => {
  const { code, signal, stdout } = await run(`
    await runBlocking(() => { say('begun'); signalled('${name}'); spin(5_000); say('not reached'); });`);
  expect({ code, signal, stdout }).toEqual({ code: null, signal: name, stdout: 'begun\n' });
});

test.each([
  { moment: 'while a file is read', at: `readFile('/dev/null', () => begin())` },
  { moment: 'in a timer', at: 'setTimeout(() => begin(), 1)' },
  { moment: 'in an immediate', at: 'setImmediate(() => begin())' },
  { moment: 'at once', at: 'begin()' },
])('a signal that comes just before blocking work is not lost: $moment', async ({ at }) => {
  const { code, stdout } = await run(`
    const begin = () => {
      signalled('SIGINT');
      runBlocking(() => say('begun')).catch((error) => say(error.kind));
    };
    ${at};
    await sleep(200);`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'interrupted\n' });
});

test('after blocking work, also after one that throws, the handler is back', async () => {
  const { code, stdout } = await run(`
    say(await runBlocking(() => 'a value'));
    await runBlocking(() => { throw new Error('an error'); }).catch((error) => say(error.message));
    signalled('SIGINT');
    await sleep(100);
    say(signal.aborted);`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'a value\nan error\ntrue\n' });
});

test('while a write is under way the handler stays, and hears of a signal afterwards', async () => {
  const { code, stdout } = await run(`
    const write = cleanUps.finish(sleep(300, 'written'));
    await runBlocking(() => { signalled('SIGINT'); spin(100); say('done'); });
    say(await write);
    say(signal.aborted);`);
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'done\nwritten\ntrue\n' });
});

test('a second signal ends the process, and one that follows at once is no second', async () => {
  const { signal, stdout } = await run(`
    signalled('SIGINT');
    await sleep(50);
    signalled('SIGINT');
    await sleep(400);
    say('alive');
    signalled('SIGTERM');
    await sleep(5_000);
    say('not reached');`);
  expect({ signal, stdout }).toEqual({ signal: 'SIGTERM', stdout: 'alive\n' });
});
