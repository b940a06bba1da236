import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { addUsage, NO_USAGE, type Usage } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { WorkerReport } from '../report/document.ts';
import { type Figures, metricOf } from './stats.ts';

/** What a started worker is to do. */
export interface WorkerOrders {
  readonly config: Config;
  readonly cacheDir: string;
  readonly username: string;
  /** One note for each edit. */
  readonly noteIds: readonly number[];
  readonly retries: number;
  /** Queue for a lease of that many milliseconds; undefined: race. */
  readonly leaseTtlMs?: number | undefined;
}

/** How one edit ended, as its worker saw it. */
export interface WorkerResult extends WorkerReport {
  readonly error?: string;
}

export type WorkerMessage =
  | { readonly kind: 'started' }
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'done' } & WorkerAnswer)
  | { readonly kind: 'failed'; readonly reason: string };

export interface WorkerAnswer {
  readonly results: readonly WorkerResult[];
  readonly usage: Usage;
}

export interface ConcurrentResult {
  readonly workers: readonly WorkerResult[];
  /** From the barrier to the last worker's answer. */
  readonly durationMs: number;
  /** Of all workers, including retries. */
  readonly usage: Usage;
  /** Ids of the notes in the database at the end, read without a cache. */
  readonly noteIds: readonly number[];
}

// Week 1's ids, so that its reports and these can be compared.
const FIRST_NOTE_ID = 1000;

// From src it is the built file too.
const WORKER = fileURLToPath(new URL('../../dist/bundle/concurrent-worker.cjs', import.meta.url));

/** A race of workers that each edit one database. */
export interface Race {
  /** Reads the database without a cache. */
  readonly databases: UserDatabases;
  readonly username: string;
  readonly workers: number;
  /** How many edits each worker makes. */
  readonly edits: number;
  readonly retries: number;
  readonly monotonic: () => number;
  readonly onProgress?: ((text: string) => void) | undefined;
}

/**
 * Test 4.2: processes that change one database at once, starting when all of them are connected. The edits of a worker
 * that dies count as `other`.
 */
export async function measureConcurrent(
  { databases, username, workers, edits, retries, monotonic, onProgress }: Race,
  {
    config,
    env,
    directory,
    leaseTtlMs,
    signal,
  }: Pick<WorkerOrders, 'config' | 'leaseTtlMs'> & {
    readonly env: NodeJS.ProcessEnv;
    /** Holds the workers' caches; the caller removes it. */
    readonly directory: string;
    /** Ends the workers, and makes the measurement meaningless. */
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ConcurrentResult> {
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
      usage: answers.map(({ usage }) => usage).reduce(addUsage, NO_USAGE),
      noteIds,
    };
  } finally {
    signal?.removeEventListener('abort', end);
    end();
  }
}

/** Returns how an edit ended that threw. */
export function outcomeOf(error: unknown): Pick<WorkerResult, 'outcome' | 'error'> {
  const kind = error instanceof JavumboError ? error.kind : 'internal';
  if (kind === 'conflict' || kind === 'unknown') return { outcome: kind };
  return { outcome: 'other', error: `${kind}: ${messageOf(error)}` };
}

/** Returns the notes that a worker adds, one for each edit. */
export function noteIdsOf(worker: number, edits: number): number[] {
  return Array.from({ length: edits }, (_, edit) => FIRST_NOTE_ID + worker * edits + edit);
}

/** Returns the ids of all notes. */
export function notesIn(databases: UserDatabases, username: string): Promise<number[]> {
  return databases.read(username, ({ database }) =>
    (database.prepare('SELECT id FROM notes ORDER BY id').all() as { id: number }[]).map(({ id }) => id),
  );
}

/** A worker process, from start to answer. Neither promise rejects. */
class Worker {
  readonly ready: Promise<void>;
  readonly answer: Promise<WorkerAnswer>;
  readonly #child: ChildProcess;

  constructor(orders: WorkerOrders, env: NodeJS.ProcessEnv) {
    const child = fork(WORKER, [], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const all = (error: string): WorkerAnswer => ({
      results: orders.noteIds.map((noteId) => ({ outcome: 'other', noteId, attempts: 0, durationMs: 0, error })),
      usage: NO_USAGE,
    });
    this.answer = new Promise((resolve) => {
      child.on('message', (message: WorkerMessage) => {
        if (message.kind === 'done') resolve(message);
        if (message.kind === 'failed') resolve(all(message.reason));
      });
      // The database shows what it committed before it died.
      child.on('error', (error) => resolve(all(`the worker did not start: ${error.message}`)));
      child.on('close', (code, signal) =>
        resolve(all(`the worker ended with ${signal ?? code}: ${stderr.trim().split('\n').at(-1) ?? ''}`)),
      );
    });
    this.ready = new Promise((resolve) => {
      child.on('message', ({ kind }: WorkerMessage) => {
        if (kind === 'started') this.#send(orders);
        if (kind === 'ready') resolve();
      });
      this.answer.then(() => resolve());
    });
  }

  go(): void {
    this.#send({ kind: 'go' });
  }

  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }

  #send(message: object): void {
    // The `close` of a worker that is gone has counted it.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}

/** The workers' answers compared with the database. */
export interface ConcurrentVerdict {
  readonly committed: number;
  readonly conflicts: number;
  readonly unknown: number;
  readonly other: number;
  /** Acknowledged and absent: data loss. */
  readonly lost: readonly number[];
  /** Refused and present: a silent overwrite. */
  readonly unexpected: readonly number[];
  readonly unknownThatLanded: number;
  /** How many notes from before the race are gone. */
  readonly missing: number;
  readonly notesAtEnd: number;
}

export function judgeConcurrent({ workers, noteIds }: ConcurrentResult, notesBefore: number): ConcurrentVerdict {
  const there = new Set(noteIds);
  const idsOf = (outcome: WorkerResult['outcome']): number[] =>
    workers.filter((worker) => worker.outcome === outcome).map(({ noteId }) => noteId);
  const [committed, conflicts, unknown] = [idsOf('committed'), idsOf('conflict'), idsOf('unknown')];
  return {
    committed: committed.length,
    conflicts: conflicts.length,
    unknown: unknown.length,
    other: idsOf('other').length,
    lost: committed.filter((id) => !there.has(id)),
    unexpected: conflicts.filter((id) => there.has(id)),
    unknownThatLanded: unknown.filter((id) => there.has(id)).length,
    missing: notesBefore - noteIds.filter((id) => !workers.some(({ noteId }) => noteId === id)).length,
    notesAtEnd: noteIds.length,
  };
}

/** Warns of a race with too few losers to say much about conflicts. Where a change is lost, they met. `remedy`: what to try. */
export function concurrentDoubts(
  { conflicts, lost }: Pick<ConcurrentVerdict, 'conflicts' | 'lost'>,
  workers: number,
  retries: number,
  remedy: string,
): string[] {
  if (retries > 0 || lost.length > 0 || conflicts >= workers - 1) return [];
  return [`only ${conflicts} of ${workers - 1} possible conflicts: the workers hardly met; try ${remedy}`];
}

/** Everything that Test 4.2 may measure. */
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

/** Returns the figures of Test 4.2, without `successMs` if nothing was committed. */
export function concurrentFigures({ workers, durationMs }: ConcurrentResult, verdict: ConcurrentVerdict): Figures {
  const successes = workers.filter(({ outcome }) => outcome === 'committed').map((worker) => worker.durationMs);
  const attempts = workers.reduce((sum, worker) => sum + worker.attempts, 0);
  const { lost, unexpected, ...counts } = verdict;
  return {
    metrics: successes.length === 0 ? {} : { successMs: metricOf(successes) },
    derived: {
      ...counts,
      lost: lost.length,
      unexpected: unexpected.length,
      attempts,
      wastedAttempts: attempts - verdict.committed,
      allInMs: durationMs,
      commitsPerSecond: (verdict.committed / durationMs) * 1000,
    },
  };
}
