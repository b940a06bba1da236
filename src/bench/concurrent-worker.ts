/**
 * One writer of Test 4.2: a process with its own cache, like a Lambda container. Gets its orders and the start over the
 * channel that `fork` opens, and answers there.
 */
import { rmSync } from 'node:fs';
import { addNote } from '../anki/note.ts';
import type { Config } from '../config/config.ts';
import { processContext } from '../core/context.ts';
import { messageOf } from '../core/failure.ts';
import { openDeployment } from '../deployment/open.ts';
import { leasedUpdate } from '../locks/leased-update.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import {
  outcomeOf,
  type WorkerAnswer,
  type WorkerMessage,
  type WorkerOrders,
  type WorkerResult,
} from './concurrent.ts';

// As long as any race: this measures the queue and not the worker's patience.
const WAIT_MAX_MS = 600_000;

const context = processContext();
const { clock } = context;

function send(message: WorkerMessage): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, {}, () => resolve()));
}

async function nextMessage<T>(): Promise<T> {
  return new Promise((resolve) => process.once('message', (message) => resolve(message as T)));
}

async function write(orders: WorkerOrders): Promise<WorkerAnswer> {
  const config: Config = { ...orders.config, cacheDir: { value: orders.cacheDir, source: 'default' } };
  const deployment = await openDeployment(config, context);
  try {
    const databases = deployment.databases({ cacheTtlDefault: 300 });
    await send({ kind: 'ready' });
    await nextMessage();
    const results: WorkerResult[] = [];
    for (const noteId of orders.noteIds) {
      const startedAt = clock.monotonic();
      // Counted here to be known even if the update throws.
      let attempts = 0;
      const ended = (how: Pick<WorkerResult, 'outcome' | 'error'>): void => {
        results.push({ ...how, noteId, attempts, durationMs: clock.monotonic() - startedAt });
      };
      try {
        const edit = (database: SqliteDatabase): void => {
          attempts++;
          addNote(database, { fields: [`Worker ${noteId}`, `Note ${noteId}`], noteId }, context);
        };
        const { retries, leaseTtlMs: ttlMs } = orders;
        if (ttlMs === undefined) await databases.update(orders.username, edit, { retries });
        else {
          const options = { retries, ttlMs, waitMaxMs: WAIT_MAX_MS, ...context };
          await leasedUpdate(databases, await deployment.locks(), orders.username, edit, options);
        }
        ended({ outcome: 'committed' });
      } catch (error) {
        ended(outcomeOf(error));
      }
    }
    return { results, usage: deployment.usage() };
  } finally {
    deployment.close();
    rmSync(orders.cacheDir, { recursive: true, force: true });
  }
}

async function work(): Promise<void> {
  let finished = false;
  // Without its parent nobody would count what this process writes.
  process.once('disconnect', () => {
    if (!finished) process.kill(process.pid, 'SIGTERM');
  });
  try {
    await send({ kind: 'started' });
    const answer = await write(await nextMessage<WorkerOrders>());
    await send({ kind: 'done', ...answer });
  } catch (error) {
    await send({ kind: 'failed', reason: messageOf(error) });
  } finally {
    finished = true;
    process.disconnect();
  }
}

void work();
