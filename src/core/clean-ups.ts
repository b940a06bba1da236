/**
 * What a command has to do before it ends: clean-ups, the last one first, and work that must not be broken off. One for
 * each process; whoever makes something that must not stay puts its removal here.
 */
export class CleanUps {
  readonly #stack: (() => Promise<unknown>)[] = [];
  readonly #unfinished = new Set<Promise<unknown>>();

  /** Puts a clean-up on the stack. What is returned runs it, once however often it is called, and takes it off. */
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

  /** Returns what `work` does. The command does not end before: a write that was sent, a clean-up, a report. */
  async finish<T>(work: Promise<T>): Promise<T> {
    this.#unfinished.add(work);
    try {
      return await work;
    } finally {
      this.#unfinished.delete(work);
    }
  }

  /** Whether anything is under way that must come to its end. */
  get busy(): boolean {
    return this.#unfinished.size > 0;
  }

  /** Resolves when nothing is. */
  async settled(): Promise<void> {
    while (this.busy) await Promise.allSettled([...this.#unfinished]);
  }

  /** Runs what is left on the stack, each whether or not the others fail, to the end. Returns what they threw. */
  async run(): Promise<unknown[]> {
    const failures: unknown[] = [];
    for (let last = this.#stack.at(-1); last !== undefined; last = this.#stack.at(-1)) {
      await last().catch((error) => failures.push(error));
    }
    await this.settled();
    return failures;
  }
}
