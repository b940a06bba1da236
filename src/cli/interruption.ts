import type { CleanUps } from '../core/clean-ups.ts';
import type { Clock } from '../core/clock.ts';
import type { Context, Output } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { interrupted } from '../core/interruptible.ts';
import { EXIT_CODE } from './exit-code.ts';
import { printFailure } from './print.ts';

/** What stops a command. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

// npm and npx pass on what the terminal has sent to everybody already: that is no second Ctrl-C.
const ECHO_MS = 250;

/**
 * The one handler of the signals that stop a command. The first signal aborts `signal`, and the work stops in order. A
 * second one does what it does by default: it ends the process at once.
 */
export class Interruption {
  readonly #process: Pick<NodeJS.Process, 'on' | 'off' | 'kill' | 'pid'>;
  readonly #clock: Clock;
  readonly #cleanUps: CleanUps;
  readonly #stopping = new AbortController();
  #firstAt = 0;

  constructor(
    process: Pick<NodeJS.Process, 'on' | 'off' | 'kill' | 'pid'>,
    { clock, cleanUps }: { readonly clock: Clock; readonly cleanUps: CleanUps },
  ) {
    this.#process = process;
    this.#clock = clock;
    this.#cleanUps = cleanUps;
    this.#handle();
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Runs work that keeps the event loop from turning, as SQL does, with the signals' default action: Node would only tell
   * a handler afterwards, while the system ends the process at once. Throws the signal's reason, and runs nothing, when
   * one has come before. Where a write is under way the handler stays: nobody could say what became of it.
   */
  readonly runBlocking = <T>(work: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          this.signal.throwIfAborted();
          if (this.#cleanUps.busy) {
            resolve(work());
            return;
          }
          this.over();
          try {
            resolve(work());
          } finally {
            this.#handle();
          }
        } catch (error) {
          reject(error);
        }
      };
      // A signal that has arrived is told in a turn of the event loop, and lost if its handler is removed before. The
      // first of these may run in the turn that is going on; between the two lies a whole one.
      setImmediate(() => setImmediate(run));
    });

  /**
   * Returns the exit code of a command that has ended, when the system has all that it printed. A signal that comes while
   * somebody is slow to read it ends the waiting, and is told.
   */
  async printed(code: number, json: boolean, context: Pick<Context, 'stdout' | 'stderr'>): Promise<number> {
    const written = Promise.all([context.stdout, context.stderr].map(drained)).then(() => code);
    if (this.signal.aborted) return written;
    const stopped = new Promise<number>((resolve) => {
      this.signal.addEventListener('abort', () => {
        const failure = new JavumboError('interrupted', 'interrupted while the result was being printed');
        resolve(EXIT_CODE[printFailure(failure, { json, verbose: false }, context)]);
      });
    });
    return Promise.race([written, stopped]);
  }

  /** From here on a signal does what it does by default. */
  over(): void {
    for (const signal of SIGNALS) this.#process.off(signal, this.#onSignal);
  }

  #handle(): void {
    for (const signal of SIGNALS) this.#process.on(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const now = this.#clock.monotonic();
    if (!this.signal.aborted) {
      this.#firstAt = now;
      this.#stopping.abort(interrupted());
    } else if (now - this.#firstAt >= ECHO_MS) {
      this.over();
      this.#process.kill(this.#process.pid, signal);
    }
  };
}

/** Resolves when the system has all that was written to a stream, or nobody reads it any more. */
function drained(stream: Output): Promise<void> {
  return new Promise((resolve) => void stream.write('', () => resolve()));
}
