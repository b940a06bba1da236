import { createGuid } from '../anki/guid.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import { visible } from '../core/format.ts';
import { type InterruptibleOptions, interruptibleRead, interruptibleWrite } from '../core/interruptible.ts';
import type { Random } from '../core/random.ts';
import { Retries, type RetriesOptions } from '../core/retry.ts';
import { type Usage, UsageMeter } from '../core/usage.ts';
import {
  answerSchema,
  type ContainerIdentity,
  type FunctionAnswer,
  type FunctionFailure,
  type FunctionRequest,
  type Operation,
  RESULTS,
} from './protocol.ts';
import type { FunctionDescription, FunctionFault, FunctionReply, RemoteFunction } from './remote-function.ts';

export interface FunctionClientOptions extends RetriesOptions {
  readonly function: RemoteFunction;
  /** Prevents calls after an interruption, and waits for none but a write; undefined: nothing interrupts. */
  readonly interruption?: InterruptibleOptions | undefined;
}

export interface AnsweredCall {
  readonly operation: Operation;
  readonly container: ContainerIdentity;
}

/** The note to write. Its guid is generated if absent. */
export type WriteRequest = Omit<FunctionRequest<'write'>, 'operation' | 'guid'> & {
  readonly guid?: string | undefined;
};

/**
 * Calls the function's operations and turns their failures into this program's. Repeats a call that certainly did not
 * run; one that only reads, also if it may have run.
 */
export class FunctionClient {
  readonly function: RemoteFunction;
  readonly #random: Random;
  readonly #retries: Retries;
  readonly #interruption: InterruptibleOptions | undefined;
  readonly #answers: AnsweredCall[] = [];
  readonly #meter = new UsageMeter();

  constructor(options: FunctionClientOptions) {
    this.function = options.function;
    this.#random = options.random;
    this.#retries = new Retries(options);
    this.#interruption = options.interruption;
  }

  /** Returns the use by all calls so far, repeats included, and the function's own requests, as its answers report them. */
  usage(): Usage {
    return this.#meter.usage();
  }

  /** Returns the container of every answer so far, in order of arrival. */
  answers(): readonly AnsweredCall[] {
    return this.#answers;
  }

  /**
   * Calls an operation other than a write. Throws the operation's failure; `unavailable` if the function cannot be
   * called or timed out; `not-found`; `violation` if it throws, crashes, or gives an answer that is not this program's.
   */
  async call<O extends Exclude<Operation, 'write'>>(request: FunctionRequest<O>): Promise<FunctionAnswer<O>> {
    const interruption = this.#interruption;
    if (interruption === undefined) return this.#call(request);
    return interruptibleRead(interruption, () => this.#call(request, interruption.signal));
  }

  async #call<O extends Exclude<Operation, 'write'>>(
    request: FunctionRequest<O>,
    signal?: AbortSignal,
  ): Promise<FunctionAnswer<O>> {
    const payload = JSON.stringify(request);
    const reply = await this.#retries.repeated(() => this.#invoke(payload, signal).catch(asRepeatable));
    if (reply.fault !== undefined) throw this.#asFailure(reply.fault);
    const { operation } = request as { readonly operation: O };
    return this.#answerOf(operation, reply.payload);
  }

  /**
   * Adds a note. If the outcome of the call is unknown, asks the function whether the note exists. Throws like `call`,
   * but `unknown` if the note may still be added.
   */
  async write(given: WriteRequest): Promise<FunctionAnswer<'write'>> {
    const request = { operation: 'write', ...given, guid: given.guid ?? createGuid(this.#random) } as const;
    const ownGuid = given.guid === undefined;
    if (this.#interruption === undefined) return this.#write(request, ownGuid);
    const answer = await interruptibleWrite(this.#interruption, request.username, () => this.#write(request, ownGuid));
    if ('kind' in answer) throw doubtAbout(request, answer.cause);
    return answer;
  }

  async #write(request: FunctionRequest<'write'>, ownGuid: boolean): Promise<FunctionAnswer<'write'>> {
    const payload = JSON.stringify(request);
    let reply: FunctionReply;
    try {
      reply = await this.#retries.repeated(() => this.#invoke(payload, this.#interruption?.signal));
    } catch (error) {
      if (error instanceof JavumboError && error.kind === 'unknown') return this.#settle(request, error);
      throw error;
    }
    if (reply.fault !== undefined) return this.#settle(request, this.#asFailure(reply.fault));
    try {
      return this.#answerOf('write', reply.payload);
    } catch (error) {
      // An operation's own failure leaves no doubt, unless it is itself unknown or a defect.
      if (!(error instanceof JavumboError)) throw error;
      const isDoubt = ['unknown', 'internal'].includes(error.kind) || error.cause instanceof NoAnswer;
      if (isDoubt) return this.#settle(request, error);
      // No one else has this guid: another copy of the call may have added the note.
      if (error.kind === 'conflict' && ownGuid) return this.#settle(request, error, error);
      throw error;
    }
  }

  /** Calls the function once with any document and returns its reply. Throws like `call`. */
  async raw(payload: string): Promise<string> {
    const reply = await this.invoke(payload);
    if (reply.fault !== undefined) throw this.#asFailure(reply.fault);
    return reply.payload;
  }

  /** Calls the function once with any document; the caller judges the outcome. */
  async invoke(payload: string): Promise<FunctionReply> {
    return this.#invoke(payload, this.#interruption?.signal);
  }

  /** Describes the function. Throws like `call`. */
  describe(): Promise<FunctionDescription> {
    const interruption = this.#interruption;
    if (interruption === undefined) return this.function.describe();
    return interruptibleRead(interruption, () => this.function.describe());
  }

  close(): void {
    this.function.close();
  }

  /** `otherwise`: thrown if the note does not exist. */
  async #settle(
    request: FunctionRequest<'write'>,
    doubt: Error,
    otherwise: Error = doubtAbout(request, doubt),
  ): Promise<FunctionAnswer<'write'>> {
    const { username, guid } = request;
    try {
      // Even after an interruption, since the caller waits for the write's outcome.
      const { result, ...circumstances } = await this.#call({ operation: 'read', username, guid, stalenessSeconds: 0 });
      if (result.note != null) {
        const { version, fromCache, note } = result;
        const written = {
          outcome: 'committed',
          version,
          attempts: 1,
          noteId: note.noteId,
          guid,
          fromCache,
        } as const;
        return { ...circumstances, operation: 'write', result: written };
      }
    } catch {
      // Asking did not help; the doubt remains.
    }
    throw otherwise;
  }

  async #invoke(payload: string, signal: AbortSignal | undefined): Promise<FunctionReply> {
    signal?.throwIfAborted();
    this.#meter.countFunction({ invocations: 1 });
    const reply = await this.function.invoke(payload);
    const { billedMs = 0, memoryMb = 0 } = reply;
    this.#meter.countFunction({ gbSeconds: (billedMs / 1000) * (memoryMb / 1024) });
    return reply;
  }

  /** Parses an answer. Throws the failure in it, or `violation` if it is not an answer of this program. */
  #answerOf<O extends Operation>(operation: O, payload: string): FunctionAnswer<O> {
    const answer = answerSchema.safeParse(jsonOf(payload));
    if (!answer.success || answer.data.operation !== operation) throw this.#notOurs(payload);
    const { requests, tableRequests, container } = answer.data;
    this.#answers.push({ operation, container });
    this.#meter.countStore(requests);
    this.#meter.countTables(tableRequests);
    if ('error' in answer.data) throw this.#asOwnFailure(answer.data.error);
    const result = RESULTS[operation].safeParse(answer.data.result);
    if (!result.success) throw this.#notOurs(payload);
    return { ...answer.data, operation, result: result.data } as FunctionAnswer<O>;
  }

  #notOurs(payload: string): JavumboError {
    return new JavumboError('violation', `${this.#subject()} does not answer as javumbo's does: ${shapeOf(payload)}`, {
      try: 'javumbo function describe, to see what is deployed; javumbo function deploy replaces it',
      cause: new NoAnswer(),
    });
  }

  #asFailure({ kind, message }: FunctionFault): JavumboError {
    const log = 'its log, /aws/lambda/<name> in CloudWatch';
    if (kind === 'timed-out') {
      return new JavumboError('unavailable', `${this.#subject()} did not end: ${message}`, {
        try: `a longer time limit, or ${log}`,
      });
    }
    const what = kind === 'threw' ? 'threw' : 'crashed';
    return new JavumboError('violation', `${this.#subject()} ${what}: ${message}`, { try: log });
  }

  #asOwnFailure({ kind, message, attempts: _, ...details }: FunctionFailure): JavumboError {
    return new JavumboError(kind, `${this.#subject()}: ${message}`, details);
  }

  #subject(): string {
    return `function "${this.function.name}"`;
  }
}

function doubtAbout({ username, guid }: FunctionRequest<'write'>, doubt: Error): JavumboError {
  return new JavumboError('unknown', `${messageOf(doubt)}; note ${guid} may have been added, or may still come`, {
    try: `javumbo function invoke read ${username} --guid '${guid}', to see whether it is there`,
    username,
    cause: doubt,
  });
}

/** Marks a reply that is not an answer. */
class NoAnswer extends Error {}

/** Describes a reply that is not an answer without its content, which may be secret. */
function shapeOf(payload: string): string {
  if (payload.length === 0) return 'nothing';
  const value = jsonOf(payload);
  const size = `${payload.length} ${payload.length === 1 ? 'character' : 'characters'}`;
  if (value === undefined) return `${size} that are not JSON`;
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list, ${size}`;
  if (typeof value !== 'object') return `a ${typeof value}, ${size}`;
  const fields = Object.keys(value).slice(0, 3);
  return fields.length === 0
    ? 'an empty object'
    : `an object with ${fields.map((field) => visible(JSON.stringify(field.slice(0, 20)))).join(', ')}, ${size}`;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Makes a doubtful call retryable: one that reads may run twice. */
function asRepeatable(error: unknown): never {
  if (!(error instanceof JavumboError) || error.kind !== 'unknown') throw error;
  throw new JavumboError('unavailable', error.message, { try: error.try, retryable: true, cause: error });
}
