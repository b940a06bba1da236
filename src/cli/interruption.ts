import { setMaxListeners } from 'node:events';
import type { CleanUps } from '../core/clean-ups.ts';
import type { Clock } from '../core/clock.ts';
import type { Context, Output } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { interrupted } from '../core/interruptible.ts';
import { EXIT_CODE } from './exit-code.ts';
import { isAbandoned, printFailure } from './print.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

// npm and npx repeat the signal that the terminal has already sent to every process: not a second Ctrl-C.
const ECHO_MS = 250;

/**
 * Handles the signals that stop a command. The first one aborts `signal`, so that the work stops in order; a second one
 * ends the process at once.
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
    // Each request under way listens, and Node would warn of more than ten.
    setMaxListeners(0, this.signal);
    this.#handle();
  }

  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /**
   * Runs work that blocks the event loop, such as SQL, with the default action of signals: they end the process at once,
   * where Node would call a handler only afterwards. Throws the signal's reason, and runs nothing, if one came before.
   * Keeps the handler while a write is under way, since its outcome would remain unknown.
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
      // A signal that has arrived reaches its handler in the next turn of the event loop, and would get lost without
      // one. The first setImmediate may run in the current turn; a whole turn lies between the two.
      setImmediate(() => setImmediate(run));
    });

  /**
   * Returns the exit code of a finished command once the system has everything it printed. A signal ends the wait for a
   * slow reader, and is reported.
   */
  async printed(code: number, json: boolean, context: Pick<Context, 'stdout' | 'stderr'>): Promise<number> {
    const outputs = [context.stdout, context.stderr].filter((output) => !isAbandoned(output));
    const written = Promise.all(outputs.map(drained)).then(() => code);
    if (this.signal.aborted) return written;
    const stopped = new Promise<number>((resolve) => {
      this.signal.addEventListener('abort', () => {
        const failure = new JavumboError('interrupted', 'interrupted while the result was being printed');
        resolve(EXIT_CODE[printFailure(failure, { json, verbose: false }, context)]);
      });
    });
    return Promise.race([written, stopped]);
  }

  /** Restores the default action of signals. */
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

/** Resolves when the system has everything written to a stream, or its reader is gone. */
function drained(stream: Output): Promise<void> {
  return new Promise((resolve) => void stream.write('', () => resolve()));
}
