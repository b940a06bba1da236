import type { Writable } from 'node:stream';
import type { Context } from '../cli/context.ts';
import { announcementsTo, interrupted } from './announcements.ts';
import { SIGNALS } from './interruption.ts';
import type { SupervisedMessage, SupervisorMessage } from './messages.ts';

/** Runs the work of a process that a supervisor has started; see supervisor.ts. `streams`: what it prints to. */
export async function runSupervised(
  work: (given: Pick<Context, 'signal' | 'runId' | 'announcements'>) => Promise<number>,
  runId: string,
  streams: readonly Writable[],
): Promise<number> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort(interrupted());
  process.on('message', (message: SupervisorMessage) => {
    if (message.kind === 'interrupt') interrupt();
  });
  // The terminal sends its signals to everybody; the supervisor's word counts.
  const ignore = (): void => {};
  for (const signal of SIGNALS) process.on(signal, ignore);
  // Whoever would have cleaned up is gone, so nobody waits for the result either.
  const orphaned = (): void => {
    for (const signal of SIGNALS) process.off(signal, ignore);
    interrupt();
  };
  process.once('disconnect', orphaned);
  const code = await work({ signal: interruption.signal, runId, announcements: announcementsTo(send, cleared) });
  await send({ kind: 'ended' });
  await Promise.all(streams.map(drained));
  await send({ kind: 'printed', code });
  process.off('disconnect', orphaned);
  if (process.connected) process.disconnect();
  return code;
}

function send(message: SupervisedMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

/** Resolves when the system has all that was written to a stream, or nobody reads it any more. */
function drained(stream: Writable): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()));
}

/** Resolves with the supervisor's word that it shows nothing, or when there is no supervisor any more. */
function cleared(): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected) resolve();
    const onMessage = ({ kind }: SupervisorMessage): void => {
      if (kind !== 'cleared') return;
      process.off('message', onMessage);
      resolve();
    };
    process.on('message', onMessage);
    process.once('disconnect', resolve);
  });
}
