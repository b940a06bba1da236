/**
 * One client of `verify consistency`: a process that its parent may kill at any moment. Gets its orders over the channel
 * that `fork` opens, and answers there; what it does is in the history file before it is done.
 */
import { processContext } from '../core/context.ts';
import { messageOf } from '../core/failure.ts';
import type { OpenBackend } from '../deployment/deployment.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';
import { Client } from './client.ts';
import { reportedOutcome } from './history-file.ts';
import type { ClientMessage, ClientOrders, ParentMessage } from './protocol.ts';

const context = processContext();

function send(message: ClientMessage): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));
}

async function backendOf({ config }: ClientOrders): Promise<OpenBackend> {
  if (config.deployment.value === 'local') return (await import('../deployment/local.ts')).openLocalBackend;
  const { awsBackend } = await import('../deployment/aws.ts');
  return awsBackend(() => sqliteEngine(config.sqliteEngine.value));
}

/** Resolves with each message of the parent in turn. */
function messages(): () => Promise<ParentMessage> {
  const waiting: ParentMessage[] = [];
  let wake = (): void => {};
  process.on('message', (message: ParentMessage) => {
    waiting.push(message);
    wake();
  });
  return async () => {
    while (waiting.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return waiting.shift() as ParentMessage;
  };
}

async function work(): Promise<void> {
  // Without its parent nobody would judge what this process does, nor remove it.
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  try {
    const next = messages();
    await send({ kind: 'started' });
    const orders = await next();
    if (orders.kind !== 'orders') throw new Error('the orders did not come first');
    const client = await Client.open(orders, context, await backendOf(orders));
    await send({ kind: 'ready' });
    await next();
    let stopped = false;
    void next().then(() => {
      stopped = true;
    });
    while (!stopped) {
      const outcome = reportedOutcome(await client.operate());
      await send({ kind: 'ended', outcome, faults: client.faults() });
    }
    await client.close();
    await send({ kind: 'done', faults: client.faults() });
  } catch (error) {
    await send({ kind: 'failed', reason: messageOf(error) });
  } finally {
    process.removeAllListeners('disconnect');
    process.disconnect();
  }
}

void work();
