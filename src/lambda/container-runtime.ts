import { rmSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { ContainerMessage, ContainerOrder } from '../function/container-messages.ts';
import type { Handler } from './handler.ts';

type StartOrder = Extract<ContainerOrder, { kind: 'start' }>;

// Inside SQLite the main thread cannot see that the caller is gone, and an endless statement would run for ever. Ten seconds
// are long enough to finish a write and to remove the files.
const END_ORPHAN = `
  const { workerData: parent } = require('node:worker_threads');
  setInterval(() => {
    if (process.ppid !== parent) setTimeout(() => process.kill(process.pid, 'SIGKILL'), 10_000);
  }, 1_000);`;

/**
 * A container's runtime, like Lambda's around a handler: answers calls from the channel one after another until its
 * parent process is gone, then removes the container's directory.
 */
export function serveCalls(start: (order: StartOrder) => Promise<Handler> | Handler): void {
  let handler: Handler | undefined;
  let directory: string | undefined;
  const send = (message: ContainerMessage): void => void process.send?.(message);
  const answer = async (order: ContainerOrder): Promise<void> => {
    if (order.kind === 'start') {
      directory = order.directory;
      handler = await start(order);
      send({ kind: 'ready' });
      return;
    }
    try {
      if (handler === undefined) throw new Error('the container has not been started');
      const returned = await handler(JSON.parse(order.payload));
      send({ kind: 'returned', payload: JSON.stringify(returned) ?? 'null' });
    } catch (error) {
      // Only the type: the text may be secret.
      send({ kind: 'threw', message: error instanceof Error ? error.name : typeof error });
    }
  };
  process.on('message', (order: ContainerOrder) => void answer(order));
  process.once('disconnect', () => {
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
    process.kill(process.pid, 'SIGTERM');
  });
  new Worker(END_ORPHAN, { eval: true, workerData: process.ppid }).unref();
  send({ kind: 'loaded' });
}
