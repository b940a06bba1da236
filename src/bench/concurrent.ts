import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { addRequests, NO_REQUESTS, type RequestCounts } from '../core/request-counts.ts';
import { addTableRequests, NO_TABLE_REQUESTS, type TableRequests } from '../core/table-requests.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { WorkerReport } from '../report/document.ts';
import { type Metric, metricOf } from './stats.ts';

/** What a worker is told to do, once it has started. */
export interface WorkerOrders {
  readonly config: Config;
  readonly cacheDir: string;
  readonly username: string;
  /** A note for each edit, one after the other. */
  readonly noteIds: readonly number[];
  readonly retries: number;
  /** Queue for a lease of that many milliseconds instead of racing; undefined: race. */
  readonly leaseTtlMs?: number | undefined;
}

/** How one edit ended, as the worker itself saw it. */
export interface WorkerResult extends WorkerReport {
  readonly error?: string;
}

export type WorkerMessage =
  | { readonly kind: 'started' }
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'done' } & WorkerAnswer)
  | { readonly kind: 'failed'; readonly reason: string };

/** What a worker reports at its end. */
export interface WorkerAnswer {
  readonly results: readonly WorkerResult[];
  readonly requests: RequestCounts;
  readonly tableRequests: TableRequests;
}

export interface ConcurrentResult {
  readonly workers: readonly WorkerResult[];
  /** From the barrier until the last worker had answered. */
  readonly durationMs: number;
  /** What all workers asked of the store, retries included. */
  readonly requests: RequestCounts;
  /** What they asked of the lock table. */
  readonly tableRequests: TableRequests;
  /** Ids of the notes that the database held at the end, read without a cache. */
  readonly noteIds: readonly number[];
}

// Week 1's ids, so that its reports and these can be laid side by side.
const FIRST_NOTE_ID = 1000;

// From src it is the built file too.
const WORKER = fileURLToPath(new URL('../../dist/bench/concurrent-worker.js', import.meta.url));

/**
 * Test 4.2: processes that change one database at once. All are started and connected before any begins; the last one's
 * being ready is the barrier. A worker that dies counts its edits as `other`.
 */
export async function measureConcurrent(options: {
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  /** For the workers' caches; whoever made it removes it. */
  readonly directory: string;
  readonly databases: UserDatabases;
  readonly username: string;
  readonly workers: number;
  readonly edits: number;
  readonly retries: number;
  readonly leaseTtlMs?: number | undefined;
  readonly monotonic: () => number;
  readonly onProgress?: ((text: string) => void) | undefined;
  /** Ends the workers; what becomes of the measurement then says nothing. */
  readonly signal?: AbortSignal | undefined;
}): Promise<ConcurrentResult> {
  const { config, env, directory, databases, username, workers, edits, retries, leaseTtlMs, monotonic, onProgress } =
    options;
  const { signal } = options;
  const children: Worker[] = [];
  const end = (): void => {
    for (const child of children) child.kill();
  };
  signal?.addEventListener('abort', end);
  try {
    for (let index = 0; index < workers; index++) {
      const noteIds = noteIdsOf(index, edits);
      const cacheDir = join(directory, `worker-${index}`);
      children.push(new Worker({ config, cacheDir, username, noteIds, retries, leaseTtlMs }, env));
    }
    onProgress?.(`starting ${workers} workers`);
    await Promise.all(children.map((child) => child.ready));
    const startedAt = monotonic();
    for (const child of children) child.go();
    let done = 0;
    const answers = await Promise.all(
      children.map(async (child) => {
        const answer = await child.answer;
        onProgress?.(`${++done} of ${workers} workers done`);
        return answer;
      }),
    );
    const durationMs = monotonic() - startedAt;
    const noteIds = await notesIn(databases, username);
    return {
      workers: answers.flatMap(({ results }) => results),
      durationMs,
      requests: answers.map(({ requests }) => requests).reduce(addRequests, NO_REQUESTS),
      tableRequests: answers.map(({ tableRequests }) => tableRequests).reduce(addTableRequests, NO_TABLE_REQUESTS),
      noteIds,
    };
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
}

/** How an edit that threw ended, as a worker reports it. */
export function outcomeOf(error: unknown): Pick<WorkerResult, 'outcome' | 'error'> {
  const kind = error instanceof JavumboError ? error.kind : 'internal';
  if (kind === 'conflict' || kind === 'unknown') return { outcome: kind };
  return { outcome: 'other', error: `${kind}: ${messageOf(error)}` };
}

/** The notes that a worker adds, one for each of its edits. */
export function noteIdsOf(worker: number, edits: number): number[] {
  return Array.from({ length: edits }, (_, edit) => FIRST_NOTE_ID + worker * edits + edit);
}

/** Ids of all notes, as `databases` reads them. */
export function notesIn(databases: UserDatabases, username: string): Promise<number[]> {
  return databases.read(username, ({ database }) =>
    (database.prepare('SELECT id FROM notes ORDER BY id').all() as { id: number }[]).map(({ id }) => id),
  );
}

/** A worker process, from its start to its answer. Neither promise rejects. */
class Worker {
  readonly ready: Promise<void>;
  readonly answer: Promise<WorkerAnswer>;
  readonly #child: ChildProcess;

  constructor(orders: WorkerOrders, env: NodeJS.ProcessEnv) {
    this.#child = fork(WORKER, [], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    let stderr = '';
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const all = (error: string): WorkerAnswer => ({
      results: orders.noteIds.map((noteId) => ({ outcome: 'other', noteId, attempts: 0, durationMs: 0, error })),
      requests: NO_REQUESTS,
      tableRequests: NO_TABLE_REQUESTS,
    });
    let isReady = (): void => {};
    let finish = (_: WorkerAnswer): void => {};
    this.ready = new Promise((resolve) => {
      isReady = resolve;
    });
    this.answer = new Promise((resolve) => {
      finish = resolve;
    });
    this.#child.on('message', (message: WorkerMessage) => {
      switch (message.kind) {
        case 'started':
          this.#send(orders);
          break;
        case 'ready':
          isReady();
          break;
        case 'done':
          finish(message);
          break;
        case 'failed':
          finish(all(message.reason));
          isReady();
      }
    });
    // What it may have committed before it died, the database shows; that it died is what is reported here.
    this.#child.on('error', (error) => finish(all(`the worker did not start: ${error.message}`)));
    this.#child.on('close', (code, signal) => {
      finish(all(`the worker ended with ${signal ?? code}: ${stderr.trim().split('\n').at(-1) ?? ''}`));
      isReady();
    });
  }

  go(): void {
    this.#send({ kind: 'go' });
  }

  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }

  #send(message: object): void {
    // A worker that is gone already has been counted by its `close`.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

/** What the workers said, held against what the database holds. */
export interface ConcurrentVerdict {
  readonly committed: number;
  readonly conflicts: number;
  readonly unknown: number;
  readonly other: number;
  /** Acknowledged and not there: data loss. */
  readonly lost: readonly number[];
  /** Refused and there all the same: a silent overwrite. */
  readonly unexpected: readonly number[];
  readonly unknownThatLanded: number;
  /** Of the notes that were there before the race, how many are not there any more. */
  readonly missing: number;
  readonly notesAtEnd: number;
}

export function judgeConcurrent({ workers, noteIds }: ConcurrentResult, notesBefore: number): ConcurrentVerdict {
  const there = new Set(noteIds);
  const idsOf = (outcome: WorkerResult['outcome']): number[] =>
    workers.filter((worker) => worker.outcome === outcome).map(({ noteId }) => noteId);
  const [committed, conflicts, unknown, other] = [
    idsOf('committed'),
    idsOf('conflict'),
    idsOf('unknown'),
    idsOf('other'),
  ];
  return {
    committed: committed.length,
    conflicts: conflicts.length,
    unknown: unknown.length,
    other: other.length,
    lost: committed.filter((id) => !there.has(id)),
    unexpected: conflicts.filter((id) => there.has(id)),
    unknownThatLanded: unknown.filter((id) => there.has(id)).length,
    missing: notesBefore - noteIds.filter((id) => !workers.some(({ noteId }) => noteId === id)).length,
    notesAtEnd: noteIds.length,
  };
}

/** Losers are what a race is about: without them the run says little about conflicts. `remedy`: what to try. */
export function concurrentDoubts(
  { conflicts }: ConcurrentVerdict,
  workers: number,
  retries: number,
  remedy: string,
): string[] {
  if (retries > 0 || conflicts >= workers - 1) return [];
  return [`only ${conflicts} of ${workers - 1} possible conflicts: the workers hardly met; try ${remedy}`];
}

/** What Test 4.2 measures, for whoever must know it beforehand. */
export const CONCURRENT_FIGURES = {
  metrics: ['successMs'],
  derived: [
    'committed',
    'conflicts',
    'unknown',
    'other',
    'unknownThatLanded',
    'missing',
    'notesAtEnd',
    'lost',
    'unexpected',
    'attempts',
    'wastedAttempts',
    'allInMs',
    'commitsPerSecond',
  ],
} as const;

/** The figures of Test 4.2. `successMs` is absent when nothing was committed. */
export function concurrentFigures(
  result: ConcurrentResult,
  verdict: ConcurrentVerdict,
): { readonly metrics: Readonly<Record<string, Metric>>; readonly derived: Readonly<Record<string, number>> } {
  const successes = result.workers.filter(({ outcome }) => outcome === 'committed').map(({ durationMs }) => durationMs);
  const attempts = result.workers.reduce((sum, worker) => sum + worker.attempts, 0);
  const { lost, unexpected, ...counts } = verdict;
  return {
    metrics: successes.length === 0 ? {} : { successMs: metricOf(successes) },
    derived: {
      ...counts,
      lost: lost.length,
      unexpected: unexpected.length,
      attempts,
      wastedAttempts: attempts - verdict.committed,
      allInMs: result.durationMs,
      commitsPerSecond: (verdict.committed / result.durationMs) * 1000,
    },
  };
}
