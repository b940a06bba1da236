import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Output } from '../cli/context.ts';
import { progressOn } from '../cli/progress.ts';
import { systemClock } from '../clock.ts';
import { Interruption } from './interruption.ts';
import { Knowledge } from './knowledge.ts';
import { SUPERVISED, type SupervisedMessage, type SupervisorMessage } from './messages.ts';
import { endOrphan } from './orphan.ts';

/**
 * A second process around commands that can be long in SQLite, for a reason that cannot be had cheaper: while SQLite
 * works, no handler for Ctrl-C runs in the same thread, and neither a worker thread nor the process itself ends before it
 * (measured). The supervisor only waits, so its handlers always run:
 *
 * - At a signal it asks the work to stop. The work stops between two steps, removes its own test data, lets a write that
 *   is under way come to its outcome, and ends with its own exit code.
 * - After two seconds, or at a second Ctrl-C, it kills the work and does what is left to do: aftermath.ts.
 *
 * What the work announces before it does it (messages.ts) is what the supervisor knows when there is nobody left to ask.
 * Should the supervisor itself be killed, the work stops in order, as at a signal; in the middle of a long statement it
 * cannot, and is killed too: orphan.ts.
 */
export async function supervise(argv: readonly string[], script: string, given: Surroundings): Promise<number> {
  const runId = randomBytes(6).toString('hex');
  const child = fork(script, argv, {
    env: { ...given.env, [SUPERVISED]: runId },
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const known = new Knowledge();
  const progress = progressOn({ stderr: given.stderr, clock: systemClock }, argv.includes('--quiet'));
  const tell = (message: SupervisorMessage): void => {
    if (child.connected) child.send(message, () => {});
  };
  child.on('message', (message: SupervisedMessage) => {
    known.add(message);
    if (message.kind === 'busy') progress.show(message.text);
    if (message.kind !== 'idle') return;
    progress.done();
    tell({ kind: 'cleared' });
  });
  const interruption = new Interruption(
    () => tell({ kind: 'interrupt' }),
    () => child.kill('SIGKILL'),
  );
  const callOff = child.pid === undefined ? undefined : endOrphan(child.pid);
  const ended = await endOf(child);
  callOff?.();
  interruption.over();
  progress.done();
  if (ended.code !== null) return ended.code;
  // All that it had to say is said, and only its connections or its disk kept it.
  if (known.code !== undefined) return known.code;
  const { finishFor } = await import('./aftermath.ts');
  const killedBy = interruption.requested ? undefined : (ended.signal ?? 'unknown');
  return finishFor(argv, { runId, known, killedBy });
}

/** What a supervisor needs of the process that it is. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly stderr: Output;
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Resolves when the process is gone and everything that it had announced is here. */
function endOf(child: ChildProcess): Promise<End> {
  const exited = new Promise<End>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const disconnected = new Promise<void>((resolve) => child.once('disconnect', resolve));
  return Promise.all([exited, disconnected]).then(([end]) => end);
}
