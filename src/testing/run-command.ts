import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ExitCode } from '../cli/exit-code.ts';
import { main } from '../commands/main.ts';
import { CleanUps } from '../core/clean-ups.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Context, Input, Output } from '../core/context.ts';
import { systemRandom } from '../core/random.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export { temporaryDirectory };

/** How one command ended, and what it printed. */
export interface CommandResult {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  /** The one document on stdout; throws for anything else. */
  json<T = Json>(): T;
  /** What the error document on the last line of stderr holds; throws where there is none. */
  failure(): FailureDocument;
}

// biome-ignore lint/suspicious/noExplicitAny: a parsed document, which the test is there to judge
export type Json = any;

export interface FailureDocument {
  readonly kind: string;
  readonly message: string;
  readonly try?: string;
  readonly username?: string;
  readonly expectedVersion?: string;
  readonly actualVersion?: string;
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly atStep?: Context['atStep'];
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Both streams are terminals of 80 columns. */
  readonly tty?: boolean;
  /** What somebody types at a terminal; undefined: nobody is there. */
  readonly typed?: string;
  readonly signal?: AbortSignal;
  /** What comes through a pipe on standard input; undefined: nobody is there. */
  readonly piped?: string | Buffer;
  /** Receives what is no text on standard output. */
  readonly onBytes?: (chunk: Buffer) => void;
}

/** The system's clock for a test that is not about how long a command waits before it tries again: it waits a tenth. */
export const IMPATIENT: Clock = {
  ...systemClock,
  sleep: (milliseconds, signal) => systemClock.sleep(milliseconds / 10, signal),
};

/** A machine on which nothing has run yet: an empty deployment, an empty cache, a home without AWS files. */
export function freshMachine(): { HOME: string; JAVUMBO_HOME: string; JAVUMBO_CACHE_DIR: string } {
  const HOME = temporaryDirectory();
  return { HOME, JAVUMBO_HOME: join(HOME, 'deployment'), JAVUMBO_CACHE_DIR: join(HOME, 'cache') };
}

/** Runs one command line in this process, on a machine of its own except for what `env` says. */
export async function runCommand(
  argv: readonly string[],
  { env = {}, atStep, clock = systemClock, tty = false, typed, piped, signal, onBytes }: RunOptions = {},
): Promise<CommandResult> {
  const environment: NodeJS.ProcessEnv = { ...freshMachine(), ...env };
  giveToSdk(environment);
  const stdout = recorder(tty, onBytes);
  const stderr = recorder(tty);
  const stdin: Input | undefined =
    typed !== undefined
      ? Object.assign(Readable.from([typed]), { isTTY: true })
      : piped === undefined
        ? undefined
        : Readable.from([piped]);
  const code = await main(argv, {
    env: environment,
    stdin,
    signal,
    stdout: stdout.output,
    stderr: stderr.output,
    clock,
    random: systemRandom,
    cleanUps: new CleanUps(),
    atStep,
  });
  return {
    code,
    stdout: stdout.text(),
    stderr: stderr.text(),
    json: () => JSON.parse(stdout.text()),
    failure: () => JSON.parse(stderr.text().trimEnd().split('\n').at(-1) ?? '').error,
  };
}

/**
 * The SDK looks for credentials and AWS files in the process, whatever the context says. So what the test gives is put
 * there, and what the developer's own shell has is taken away.
 */
function giveToSdk(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (name.startsWith('AWS_') || name === 'HOME')) process.env[name] = value;
  }
  // As bin does, and for its reason.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
}

function recorder(
  tty: boolean,
  onBytes?: (chunk: Buffer) => void,
): { readonly output: Output; readonly text: () => string } {
  let written = '';
  const write: Output['write'] = (text, taken) => {
    if (typeof text === 'string') written += text;
    else onBytes?.(Buffer.from(text));
    taken?.();
  };
  return { output: tty ? { write, isTTY: true, columns: 80 } : { write }, text: () => written };
}
