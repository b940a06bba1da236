import type { Context } from '../cli/context.ts';
import { announcementsTo, interrupted } from './announcements.ts';
import type { InterruptMessage, SupervisedMessage } from './messages.ts';

/** Runs the work of a process that a supervisor has started; see supervisor.ts. */
export async function runSupervised(
  work: (given: Pick<Context, 'signal' | 'runId' | 'announcements'>) => Promise<number>,
  runId: string,
): Promise<number> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort(interrupted());
  process.on('message', (message: InterruptMessage) => {
    if (message.kind === 'interrupt') interrupt();
  });
  // Whoever would have cleaned up is gone, so nobody waits for the result either.
  process.once('disconnect', interrupt);
  // The terminal sends its signals to everybody; the supervisor's word counts.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  const code = await work({ signal: interruption.signal, runId, announcements: announcementsTo(send) });
  await send({ kind: 'ended', code });
  process.off('disconnect', interrupt);
  if (process.connected) process.disconnect();
  return code;
}

function send(message: SupervisedMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}
