import { usageSince } from '../core/usage.ts';
import type { FunctionClient } from '../function/client.ts';
import { type ConcurrentResult, noteIdsOf, notesIn, outcomeOf, type Race, type WorkerResult } from './concurrent.ts';
import { type ContainerFigures, containerFigures } from './function-requester.ts';

// Keeps each container busy while the others start.
const HOLD_MS = 1_000;

export interface ConcurrentFunctionResult extends ConcurrentResult {
  /** Including the calls that started the containers. */
  readonly calls: ContainerFigures;
  /** How many containers wrote. */
  readonly writers: number;
}

/**
 * Test 4.2 through the function. Each worker makes one call at a time, so each gets its own container. All workers start
 * at once, after the containers.
 */
export async function measureConcurrentFunction(
  client: FunctionClient,
  { databases, username, workers, edits, retries, monotonic, onProgress }: Race,
): Promise<ConcurrentFunctionResult> {
  const answeredBefore = client.answers().length;
  onProgress?.(`starting ${workers} containers`);
  await Promise.all(Array.from({ length: workers }, () => client.call({ operation: 'ping', holdMs: HOLD_MS })));
  const before = client.usage();
  const startedAt = monotonic();
  let done = 0;
  const results = await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      const ended: WorkerResult[] = [];
      for (const noteId of noteIdsOf(worker, edits))
        ended.push(await write(client, username, noteId, retries, monotonic));
      onProgress?.(`${++done} of ${workers} workers done`);
      return ended;
    }),
  );
  const durationMs = monotonic() - startedAt;
  const usage = usageSince(before, client.usage());
  const answers = client.answers().slice(answeredBefore);
  return {
    workers: results.flat(),
    durationMs,
    usage,
    noteIds: await notesIn(databases, username),
    calls: containerFigures(answers),
    writers: containerFigures(answers.filter(({ operation }) => operation === 'write')).containers,
  };
}

async function write(
  client: FunctionClient,
  username: string,
  noteId: number,
  retries: number,
  monotonic: () => number,
): Promise<WorkerResult> {
  const startedAt = monotonic();
  const ended = (how: Pick<WorkerResult, 'outcome' | 'error'>, attempts: number): WorkerResult => {
    return { ...how, noteId, attempts, durationMs: monotonic() - startedAt };
  };
  try {
    const fields = [`Worker ${noteId}`, `Note ${noteId}`];
    const { result } = await client.write({ username, fields, noteId, retries });
    return ended({ outcome: 'committed' }, result.attempts);
  } catch (error) {
    const how = outcomeOf(error);
    // A conflict means that all retries are used up. Other failures do not say how often the edit ran.
    return ended(how, how.outcome === 'conflict' ? retries + 1 : 0);
  }
}
