import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { type DigestName, digestsOf, type NamedDigests } from './content-digest.ts';

export interface DigestTask {
  readonly id: number;
  readonly path: string;
  readonly names: readonly DigestName[];
}

export type DigestAnswer =
  | { readonly id: number; readonly digests: NamedDigests }
  | { readonly id: number; readonly error: { readonly message: string; readonly code?: string } };

/** Ends a task with its answer, or with none if the thread is gone. */
type Settle = (answer: DigestAnswer | undefined) => void;

// As the package has it (packaging/package-bundle.ts), or compiled beside this file, as for the benchmarks. A program that holds
// the library in a bundle of its own has neither.
const PROGRAMS = ['../../dist/bundle/digest-worker.cjs', './digest-worker.js'];

function program(): string | undefined {
  return PROGRAMS.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) => existsSync(path));
}

// Of a smaller file, two threads take the digests no sooner than one.
const RUNNING_BYTES_MIN = 8 * 1024 * 1024;

/** As large as a file must be to wait for a thread that has yet to start: 15 ms, and 80 on a busy machine. */
export const STARTING_BYTES_MIN = 32 * 1024 * 1024;

/**
 * A thread that reads files and takes their digests while the caller's does something else. It is started once and kept,
 * and keeps no process alive but while it works. Where there is no thread, or it ends early, the caller's thread does the
 * work: the digests are the same.
 */
export class DigestThread {
  readonly #program: string | undefined;
  readonly #tasks = new Map<number, Settle>();
  #worker: Worker | undefined;
  #taskCount = 0;
  #isUsable = true;
  #hasExpected = false;

  /** `path`: of another program, for tests. */
  constructor(path = program()) {
    this.#program = path;
  }

  /**
   * Starts it early, if a file of that size will want it: one that is worth the wait, or a second one, since a process that
   * has stored two stores more.
   */
  expect(sizeBytes: number): void {
    if (sizeBytes < RUNNING_BYTES_MIN) return;
    if (this.#hasExpected || sizeBytes >= STARTING_BYTES_MIN) this.start();
    this.#hasExpected = true;
  }

  /** True if it helps with a file of that size. It is started for one that is worth the wait. */
  helpsWith(sizeBytes: number): boolean {
    if (sizeBytes >= STARTING_BYTES_MIN) this.start();
    return sizeBytes >= RUNNING_BYTES_MIN && this.#worker !== undefined;
  }

  /** Starts it, unless it runs. */
  start(): void {
    if (this.#worker !== undefined || this.#program === undefined || !this.#isUsable) return;
    let worker: Worker;
    try {
      // Loaded here, since it takes 2 ms and most commands need no thread.
      const threads = createRequire(import.meta.url)('node:worker_threads') as typeof import('node:worker_threads');
      // What this process was started with (a loader, an inspector) is not for this program.
      worker = new threads.Worker(this.#program, { name: 'javumbo digests', execArgv: [] });
    } catch {
      this.#isUsable = false;
      return;
    }
    worker.unref();
    worker.on('message', (answer: DigestAnswer) => this.#tasks.get(answer.id)?.(answer));
    // Without a listener it would end the process.
    worker.on('error', () => {});
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#isUsable = false;
      this.#forget();
    });
    this.#worker = worker;
  }

  /** Returns digests of a file, which is read once. It must not change until then. Rejects if it cannot be read. */
  async digestsOf(path: string, names: readonly DigestName[]): Promise<NamedDigests> {
    const answer = await this.#ask(path, names);
    if (answer === undefined) return digestsOf(path, names);
    if ('digests' in answer) return answer.digests;
    const { message, ...more } = answer.error;
    throw Object.assign(new Error(message), more);
  }

  /** Ends it. It can be started again. */
  close(): void {
    const worker = this.#worker;
    this.#forget();
    void worker?.terminate();
  }

  async #ask(path: string, names: readonly DigestName[]): Promise<DigestAnswer | undefined> {
    this.start();
    const worker = this.#worker;
    if (worker === undefined) return undefined;
    const id = this.#taskCount++;
    const answer = new Promise<DigestAnswer | undefined>((resolve) => this.#tasks.set(id, resolve));
    worker.ref();
    worker.postMessage({ id, path, names } satisfies DigestTask);
    try {
      return await answer;
    } finally {
      this.#tasks.delete(id);
      if (this.#tasks.size === 0) worker.unref();
    }
  }

  #forget(): void {
    this.#worker = undefined;
    for (const settle of this.#tasks.values()) settle(undefined);
  }
}
