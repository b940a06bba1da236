import { readFileSync } from 'node:fs';
import { CleanUps } from './clean-ups.ts';
import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { homeOf } from './home.ts';
import { type Random, systemRandom } from './random.ts';
import type { EndedRequest, Transfer } from './requests.ts';
import type { Retry } from './retry.ts';
import type { RunBlocking } from './run-blocking.ts';

export interface Output {
  /** `written` is called once the system has taken the text, or with the error if it has not. */
  write(text: string | Uint8Array, written?: (error?: Error | null) => void): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export type Input = NodeJS.ReadableStream & { readonly isTTY?: boolean | undefined };

/** Everything a command gets from the process. Nothing else reads the process itself. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  /** Undefined when there is nobody to ask. */
  readonly stdin?: Input | undefined;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted by Ctrl-C and similar signals, so that work can stop in order. Undefined: nothing interrupts. */
  readonly signal?: AbortSignal | undefined;
  /** Runs SQL of unbounded length such that a signal can end the process during it. Undefined: runs it directly. */
  readonly runBlocking?: RunBlocking | undefined;
  /** Called before a request is retried. */
  readonly onRetry?: ((retry: Retry) => void) | undefined;
  /** Called after each attempt at a request. */
  readonly onRequest?: ((ended: EndedRequest) => void) | undefined;
  /** Called when a store begins to move the bytes of a database, each attempt anew. */
  readonly onTransfer?: ((transfer: Transfer) => void) | undefined;
  readonly cleanUps: CleanUps;
  /** Returns the bytes of the command line, which Node decodes with loss; undefined where the system does not tell. */
  readonly commandLine?: (() => Buffer | undefined) | undefined;
  /** Called before each step of a commit in session, cache and local store, so that tests can crash there. */
  readonly atStep?: ((step: string) => void) | undefined;
}

export function processContext(): Context {
  // The AWS SDK, and what we start, would look for a home by themselves, and fail where there is none.
  process.env.HOME ||= homeOf(process.env);
  return {
    env: process.env,
    // A getter, because the first access opens stdin.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    random: systemRandom,
    cleanUps: new CleanUps(),
    commandLine: () => {
      try {
        return readFileSync('/proc/self/cmdline');
      } catch {
        return undefined;
      }
    },
  };
}
