import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll } from 'vitest';
import type { ExitCode } from '../cli/exit-code.ts';
import { main } from '../commands/main.ts';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import type { Context, Input, Output } from '../core/context.ts';
import { systemRandom } from '../core/random.ts';

/** How a command ended, and its output. */
export interface CommandResult {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  /** Parses the single document on stdout. */
  json<T = Json>(): T;
  /** Parses the error document on the last line of stderr. */
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
  /** Both streams are terminals of 80 columns. */
  readonly tty?: boolean;
  /** Input at a terminal; undefined: no one is there. */
  readonly typed?: string;
  readonly signal?: AbortSignal;
  /** Input through a pipe; undefined: no one is there. */
  readonly piped?: string | Buffer;
}

const directories: string[] = [];

// Importing this file requests it: a test file leaves nothing behind.
afterAll(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** Creates a directory, which is removed after the test file's last test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-test-'));
  directories.push(directory);
  return directory;
}

/** Returns a fresh machine: an empty deployment, an empty cache, a home without AWS files. */
export function freshMachine(): { HOME: string; JAVUMBO_HOME: string; JAVUMBO_CACHE_DIR: string } {
  const HOME = temporaryDirectory();
  return { HOME, JAVUMBO_HOME: join(HOME, 'deployment'), JAVUMBO_CACHE_DIR: join(HOME, 'cache') };
}

/** Runs a command line in this process, on a fresh machine except for `env`. */
export async function runCommand(
  argv: readonly string[],
  { env = {}, atStep, tty = false, typed, piped, signal }: RunOptions = {},
): Promise<CommandResult> {
  const environment: NodeJS.ProcessEnv = { ...freshMachine(), ...env };
  giveToSdk(environment);
  const stdout = recorder(tty);
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
    clock: systemClock,
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
 * The SDK reads credentials and AWS files from the process, not the context. So the test's variables are set there, and
 * those of the developer's shell removed.
 */
function giveToSdk(env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (name.startsWith('AWS_') || name === 'HOME')) process.env[name] = value;
  }
  // Like bin, and for the same reason.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
}

function recorder(tty: boolean): { readonly output: Output; readonly text: () => string } {
  let written = '';
  const write = (text: string): void => {
    written += text;
  };
  return { output: tty ? { write, isTTY: true, columns: 80 } : { write }, text: () => written };
}
