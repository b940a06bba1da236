import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { makeDirectory } from '../core/make-directory.ts';
import type { ContainerMessage, ContainerOrder } from './container-messages.ts';
import type { FunctionDescription, FunctionFault, FunctionReply, RemoteFunction } from './remote-function.ts';

export interface LocalFunctionOptions {
  /** The deployment that the containers use. */
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  readonly clock: Clock;
  /** Holds each container's /tmp. Its creator removes it after `close`. */
  readonly directory: string;
  /** The time limit of a call. Default: Day 1's 30 s. */
  readonly timeoutMs?: number | undefined;
  /** How long an idle container lives. Default: five minutes, about as long as on Lambda. */
  readonly idleMs?: number | undefined;
  /** The program of a container, for tests. Default: the handler. */
  readonly program?: string | undefined;
}

// From src it is the built file too.
const PROGRAM = fileURLToPath(new URL('../../dist/bundle/local-container.cjs', import.meta.url));
const TIMEOUT_MS = 30_000;
const IDLE_MS = 300_000;
// Lambda allows ten seconds, on dedicated processors.
const INIT_TIMEOUT_MS = 60_000;

// Day 1's values, which nothing enforces on this machine.
const MEMORY_MB = 512;
const TEMPORARY_STORAGE_MB = 2_048;

/** Runs the function in child processes, one per concurrent call. */
export class LocalFunction implements RemoteFunction {
  readonly name = 'local';
  readonly #options: LocalFunctionOptions;
  readonly #timeoutMs: number;
  readonly #idleMs: number;
  readonly #containers = new Set<Container>();
  /** The most recent one is called first, so that surplus ones become idle. */
  readonly #idle: { readonly container: Container; readonly stopWaiting: () => void }[] = [];
  #started = 0;
  #closed = false;

  constructor(options: LocalFunctionOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
    this.#idleMs = options.idleMs ?? IDLE_MS;
  }

  async describe(): Promise<FunctionDescription> {
    return {
      name: this.name,
      kind: 'local',
      runtime: `node ${process.version}`,
      architecture: process.arch,
      memoryMb: MEMORY_MB,
      timeoutSeconds: this.#timeoutMs / 1000,
      temporaryStorageMb: TEMPORARY_STORAGE_MB,
      state: 'Active',
      environment: [],
    };
  }

  async invoke(payload: string): Promise<FunctionReply> {
    if (this.#closed) throw new JavumboError('internal', 'the local function was called after its end');
    const { clock } = this.#options;
    const container = this.#take();
    const failed = await container.ready;
    if (failed !== undefined) {
      this.#end(container);
      throw new JavumboError('unavailable', `call function "local": its container did not start: ${failed.message}`, {
        try: 'the same command again, when this machine has less to do',
      });
    }
    const startedAt = clock.monotonic();
    const ended = await container.call(payload, this.#timeoutMs);
    const billed = { billedMs: Math.ceil(clock.monotonic() - startedAt), memoryMb: MEMORY_MB };
    if (ended.kind === 'returned') {
      this.#giveBack(container);
      return { payload: ended.payload, ...billed };
    }
    if (ended.kind === 'threw') this.#giveBack(container);
    else this.#end(container);
    return { payload: '', fault: ended, ...billed };
  }

  /** Ends every container, whatever it is doing. Never throws. */
  close(): void {
    this.#closed = true;
    for (const { stopWaiting } of this.#idle.splice(0)) stopWaiting();
    for (const container of this.#containers) this.#end(container);
  }

  #take(): Container {
    for (let waiting = this.#idle.pop(); waiting !== undefined; waiting = this.#idle.pop()) {
      waiting.stopWaiting();
      if (waiting.container.isAlive) return waiting.container;
      this.#end(waiting.container);
    }
    const directory = join(this.#options.directory, `container-${++this.#started}`);
    const container = new Container(this.#options, directory);
    this.#containers.add(container);
    return container;
  }

  #giveBack(container: Container): void {
    if (this.#closed) return;
    const waiting = new AbortController();
    this.#idle.push({ container, stopWaiting: () => waiting.abort() });
    this.#options.clock.sleep(this.#idleMs, waiting.signal).then(
      () => {
        const index = this.#idle.findIndex((idle) => idle.container === container);
        // A simultaneous call has taken it.
        if (index === -1) return;
        this.#idle.splice(index, 1);
        this.#end(container);
      },
      () => {},
    );
  }

  #end(container: Container): void {
    this.#containers.delete(container);
    container.end();
  }
}

type Ended = Extract<ContainerMessage, { kind: 'returned' }> | FunctionFault;

/** One container, from start to end. None of its promises rejects. */
class Container {
  /** Resolves once it takes calls, or with why it never will. */
  readonly ready: Promise<FunctionFault | undefined>;
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #clock: Clock;
  #finish: ((ended: Ended) => void) | undefined;
  /** How its process ended; undefined while it lives. */
  #gone: FunctionFault | undefined;

  constructor({ config, env, version, clock, program = PROGRAM }: LocalFunctionOptions, directory: string) {
    this.#directory = directory;
    this.#clock = clock;
    const temporary = join(directory, 'tmp');
    makeDirectory(temporary);
    // A function's log may hold secrets, and no one keeps it here.
    this.#child = fork(program, [], {
      env: { ...env, TMPDIR: temporary },
      // Its own session, so that Ctrl-C does not reach it: the caller decides what becomes of a call.
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.ready = new Promise((resolve) => {
      const waiting = new AbortController();
      this.#child.on('message', (message: ContainerMessage) => {
        if (message.kind === 'loaded') this.#send({ kind: 'start', config, version, directory: temporary });
        else if (message.kind === 'ready') {
          waiting.abort();
          resolve(undefined);
        } else this.#finish?.(message);
      });
      const gone = (message: string): void => {
        this.#gone ??= { kind: 'crashed', message };
        waiting.abort();
        resolve(this.#gone);
        this.#finish?.(this.#gone);
      };
      this.#child.on('error', (error) => gone(error.message));
      this.#child.on('exit', (code, signal) =>
        gone(`its process ended with ${signal === null ? `exit code ${code}` : signal}`),
      );
      this.#clock.sleep(INIT_TIMEOUT_MS, waiting.signal).then(
        () => {
          gone(`it did not start within ${INIT_TIMEOUT_MS / 1000} s`);
          this.#child.kill('SIGKILL');
        },
        () => {},
      );
    });
  }

  get isAlive(): boolean {
    return this.#gone === undefined;
  }

  /** Sends one call and waits for its end. Only one call at a time. */
  async call(payload: string, timeoutMs: number): Promise<Ended> {
    if (this.#gone !== undefined) return this.#gone;
    const waiting = new AbortController();
    try {
      return await new Promise<Ended>((resolve) => {
        this.#finish = resolve;
        this.#clock.sleep(timeoutMs, waiting.signal).then(
          () => resolve({ kind: 'timed-out', message: `it took longer than its ${timeoutMs / 1000} s` }),
          () => {},
        );
        this.#send({ kind: 'call', payload });
      });
    } finally {
      waiting.abort();
      this.#finish = undefined;
    }
  }

  end(): void {
    this.#gone ??= { kind: 'crashed', message: 'it was ended' };
    this.#child.kill('SIGKILL');
    try {
      // Retried, since what it was just writing may still appear.
      rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // The outcome stands; the creator of the parent directory removes what is left.
    }
  }

  #send(order: ContainerOrder): void {
    // If the process ends meanwhile, its exit event says so.
    this.#child.send(order, () => {});
  }
}
