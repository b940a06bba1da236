import { CleanUps } from './clean-ups.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { type Random, systemRandom } from './random.ts';
import type { Retry } from './retry.ts';
import type { RunBlocking } from './run-blocking.ts';

/** A stream that results or messages go to. */
export interface Output {
  /** `written` is called when the system has the text. */
  write(text: string, written?: () => void): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Where somebody may type an answer. */
export type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };

/** What a command gets from outside. Nothing below reads the process itself. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  /** Undefined: nobody is there to ask. */
  readonly stdin?: Input | undefined;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted by Ctrl-C and its like: what can be stopped in order then stops. Undefined: nothing interrupts. */
  readonly signal?: AbortSignal | undefined;
  /** Runs SQL that may take any time, so that a signal ends the process in the middle of it. Undefined: just runs it. */
  readonly runBlocking?: RunBlocking | undefined;
  /** Told before a request is sent again. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  /** What has to be done before the process ends. */
  readonly cleanUps: CleanUps;
  /** Told before each step of a commit, in the session, the cache and the local store: tests end the process there. */
  readonly atStep?: ((step: string) => void) | undefined;
}

export function processContext(): Context {
  return {
    env: process.env,
    // Opened by whoever reads it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    random: systemRandom,
    cleanUps: new CleanUps(),
  };
}
