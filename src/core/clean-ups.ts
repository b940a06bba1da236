/**
 * What a command must finish before it ends: clean-ups, run last first, and work that must not be cut short. There is
 * one per process; code that makes something temporary registers its removal here.
 */
export class CleanUps {
  readonly #stack: (() => Promise<unknown>)[] = [];
  readonly #unfinished = new Set<Promise<unknown>>();

  /** Registers a clean-up. Returns a function that runs it, at most once, and unregisters it. */
  add<T>(cleanUp: () => T | Promise<T>): () => Promise<T> {
    let running: Promise<T> | undefined;
    const run = (): Promise<T> => {
      running ??= this.finish((async () => cleanUp())());
      const index = this.#stack.indexOf(run);
      if (index !== -1) this.#stack.splice(index, 1);
      return running;
    };
    this.#stack.push(run);
    return run;
  }

  /** Awaits `work` and keeps the command alive until it ends: a write that was sent, a clean-up, a report. */
  async finish<T>(work: Promise<T>): Promise<T> {
    this.#unfinished.add(work);
    try {
      return await work;
    } finally {
      this.#unfinished.delete(work);
    }
  }

  /** True while any such work is unfinished. */
  get busy(): boolean {
    return this.#unfinished.size > 0;
  }

  /** Resolves once no such work is unfinished. */
  async settled(): Promise<void> {
    while (this.busy) await Promise.allSettled([...this.#unfinished]);
  }

  /** Runs the remaining clean-ups, even if some fail, and waits for unfinished work. Returns the errors. */
  async run(): Promise<unknown[]> {
    const failures: unknown[] = [];
    for (let last = this.#stack.at(-1); last !== undefined; last = this.#stack.at(-1)) {
      await last().catch((error) => failures.push(error));
    }
    await this.settled();
    return failures;
  }
}
