import { usageSince } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { FunctionClient } from '../function/client.ts';
import { type ConcurrentResult, noteIdsOf, notesIn, outcomeOf, type WorkerResult } from './concurrent.ts';
import { type ContainerFigures, containerFigures } from './function-requester.ts';

/** For how long a container is kept busy, so that the others are started meanwhile, in milliseconds. */
const HOLD_MS = 1_000;

export interface ConcurrentFunctionResult extends ConcurrentResult {
  /** Of the calls that wrote, and of those that started the containers. */
  readonly calls: ContainerFigures;
  /** How many containers wrote. */
  readonly writers: number;
}

/**
 * Test 4.2 by way of the function: as many callers as workers, each with one call at a time, so that each call is in a
 * container of its own. The containers are started first; then all callers begin at once.
 */
export async function measureConcurrentFunction(options: {
  readonly client: FunctionClient;
  readonly databases: UserDatabases;
  readonly username: string;
  readonly workers: number;
  readonly edits: number;
  readonly retries: number;
  readonly monotonic: () => number;
  readonly onProgress?: ((text: string) => void) | undefined;
}): Promise<ConcurrentFunctionResult> {
  const { client, databases, username, workers, edits, retries, monotonic, onProgress } = options;
  const answeredBefore = client.answers().length;
  onProgress?.(`starting ${workers} containers`);
  await Promise.all(Array.from({ length: workers }, () => client.call({ operation: 'ping', holdMs: HOLD_MS })));
  // Starting the containers is no part of the race.
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
    // A conflict is told when the retries are used up; of the others nobody said how often the edit had run.
    return ended(how, how.outcome === 'conflict' ? retries + 1 : 0);
  }
}
