import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ReportedOutcome } from './history-file.ts';
import type { ClientMessage, ClientOrders, Counts, ParentMessage } from './protocol.ts';

// From src it is the built file too.
const PROCESS = fileURLToPath(new URL('../../dist/bundle/consistency-client.cjs', import.meta.url));

export interface ClientListener {
  ended(outcome: ReportedOutcome | undefined): void;
  /** It ended without having been stopped or killed. */
  failed(reason: string): void;
}

/** A client process, as its parent has it. */
export class ClientHandle {
  readonly orders: ClientOrders;
  /** Resolves when it can begin, or has ended. */
  readonly ready: Promise<void>;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #listener: ClientListener;
  #faults: Counts = {};
  #isDone = false;

  constructor(orders: ClientOrders, env: NodeJS.ProcessEnv, listener: ClientListener) {
    this.orders = orders;
    this.#listener = listener;
    const child = fork(PROCESS, [], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr = `${stderr}${text}`.slice(-4_000);
    });
    let isReady = (): void => {};
    this.ready = new Promise((resolve) => {
      isReady = resolve;
    });
    child.on('message', (message: ClientMessage) => {
      if (message.kind === 'started') this.#send({ kind: 'orders', ...orders });
      if (message.kind === 'ready') isReady();
      this.#hear(message);
    });
    this.ended = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#fail(`it did not start: ${error.message}`);
        isReady();
        resolve();
      });
      child.on('close', (code, signal) => {
        this.#fail(`it ended with ${signal ?? code}: ${stderr.trim().split('\n').at(-1) ?? ''}`);
        isReady();
        resolve();
      });
    });
  }

  /** What it has counted so far. */
  get faults(): Counts {
    return this.#faults;
  }

  go(): void {
    this.#send({ kind: 'go' });
  }

  /** Lets it end the operation that is under way. */
  stop(): void {
    this.#send({ kind: 'stop' });
  }

  /** Ends it in the middle of whatever it does. */
  kill(): void {
    this.#isDone = true;
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }

  #hear(message: ClientMessage): void {
    if (message.kind === 'ended' || message.kind === 'done') this.#faults = message.faults;
    if (message.kind === 'ended') this.#listener.ended(message.outcome);
    if (message.kind === 'done') this.#isDone = true;
    if (message.kind === 'failed') this.#fail(message.reason);
  }

  #fail(reason: string): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#listener.failed(reason);
  }

  #send(message: ParentMessage): void {
    // The `close` of a process that is gone has told it.
    if (this.#child.connected) this.#child.send(message, () => {});
  }
}
