import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type ChecksumSupport, checkChecksumSupport, type ReceivedBody, readBody } from './body.ts';
import type { RequestRecord } from './counts.ts';
import { S3Error, s3Error } from './error.ts';
import type { Fault, Faults } from './faults.ts';
import { perform } from './operations.ts';
import { errorReply, type S3Reply, type S3State } from './reply.ts';
import { parseRequest, type S3Operation, type S3Request, signingKey } from './request.ts';

/** The request that a hook interrupts. */
export interface S3RequestEvent {
  readonly operation: S3Operation;
  readonly bucket: string;
  readonly key: string;
}

/** Runs inside a request. An error that it throws becomes a 500 with that message. */
export type S3Hook = (event: S3RequestEvent) => Promise<void> | void;

/** What an exchange needs from its server. All of it can change between requests. */
export interface ExchangeHost {
  readonly state: S3State;
  readonly faults: Faults;
  readonly record: RequestRecord;
  readonly accessKeyId: string | undefined;
  readonly checksums: ChecksumSupport;
  readonly roundTripMs: number;
  readonly beforeWork: S3Hook | undefined;
  readonly beforeReply: S3Hook | undefined;
  /** True if this engine ignores the conditions of such a write. */
  ignoresConditions(request: S3Request): boolean;
  /** Rejects when the server closes. */
  pause(milliseconds: number): Promise<void>;
}

/** Larger bodies are sent in pieces of this size, at the client's pace. */
const PIECE_BYTES = 1024 * 1024;

/** S3's code for the status of a scripted refusal without one. */
const CODE_OF_STATUS: Readonly<Record<number, string>> = {
  403: 'AccessDenied',
  409: 'ConditionalRequestConflict',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'SlowDown',
};

/** One request, from its headers to the end of its reply, with its faults. */
export class Exchange {
  readonly #host: ExchangeHost;
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #expectContinue: boolean;
  readonly #request: S3Request;
  readonly #requestId: string;
  readonly #halfTripMs: number;
  #bytesUp = 0;
  #recorded = false;

  constructor(
    host: ExchangeHost,
    incoming: IncomingMessage,
    response: ServerResponse,
    options: { readonly requestId: string; readonly expectContinue: boolean },
  ) {
    this.#host = host;
    this.#incoming = incoming;
    this.#response = response;
    this.#expectContinue = options.expectContinue;
    this.#requestId = options.requestId;
    this.#request = parseRequest(incoming.method ?? '', incoming.url ?? '', incoming.headers);
    this.#halfTripMs = host.roundTripMs / 2;
    // A client may be gone when its reply is due; an unhandled error would end the process.
    response.on('error', () => {});
  }

  /** Never rejects: a disconnecting client or closing server ends the exchange without a reply. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      const unanswerable = this.#response.headersSent || this.#incoming.socket.destroyed;
      this.#addToRecord(unanswerable ? 0 : 500, 0);
      if (unanswerable) {
        this.#incoming.socket.destroy();
      } else {
        // A defect of the server or of stored test data: report it, since a broken connection would look scripted.
        const reply = this.#errorReply(internalError(error));
        this.#response.writeHead(reply.status, { ...this.#headers(reply), connection: 'close' }).end(reply.body);
      }
    }
  }

  async #run(): Promise<void> {
    const before = this.#host.faults.take(this.#request, 'before');
    if (before?.fault === 'hang-before') return this.#addToRecord(0, 0);
    if (before?.fault === 'reset-before') return this.#reset();
    const body = await this.#receive(before);
    await this.#host.pause(this.#halfTripMs);
    if (body instanceof S3Error) return this.#answer(this.#errorReply(body));
    await this.#answerAfterWork(body);
  }

  async #answerAfterWork(body: ReceivedBody): Promise<void> {
    const { operation, bucket, key } = this.#request;
    let reply: S3Reply;
    try {
      await this.#host.beforeWork?.({ operation, bucket, key });
      reply = this.#work(body);
      await this.#host.beforeReply?.({ operation, bucket, key });
    } catch (error) {
      reply = this.#errorReply(internalError(error));
    }
    const after = this.#host.faults.take(this.#request, 'after');
    if (after?.fault === 'hang-after') return this.#addToRecord(0, 0);
    if (after?.fault === 'reset-after') return this.#reset();
    if (after?.fault === 'error-after') reply = this.#errorReply(scriptedError(after.status ?? 500, after.code));
    await this.#answer(reply);
  }

  /** Does everything from the check of conditions to the write in one synchronous step. */
  #work(body: ReceivedBody): S3Reply {
    const { state, faults } = this.#host;
    const ignoreConditions =
      this.#host.ignoresConditions(this.#request) || faults.take(this.#request, 'work') !== undefined;
    try {
      return perform({ state, request: this.#request, body, ignoreConditions });
    } catch (error) {
      if (error instanceof S3Error) return this.#errorReply(error);
      throw error;
    }
  }

  /** Returns the whole body, or the reason to refuse the request before any work. Rejects if the client aborts. */
  async #receive(before: Fault | undefined): Promise<ReceivedBody | S3Error> {
    const chunks = this.#chunks();
    const refusal = this.#refusal(before);
    if (refusal !== undefined) {
      // A client that waits for 100 Continue is refused and never sends its body. Any other is already sending, and
      // hears the answer only once its bytes are read.
      if (!this.#expectContinue) while (!(await chunks.next()).done);
      return refusal;
    }
    if (this.#expectContinue) this.#response.writeContinue();
    try {
      return await readBody(chunks, this.#incoming.headers);
    } catch (error) {
      if (error instanceof S3Error) return error;
      throw error;
    }
  }

  #refusal(before: Fault | undefined): S3Error | undefined {
    switch (before?.fault) {
      case 'refuse-before':
        return scriptedError(before.status ?? 503, before.code);
      case 'conflict-409':
        return scriptedError(409, undefined);
      case 'not-found-on-if-match':
        return s3Error('NoSuchKey', 'The specified key does not exist.');
    }
    const { accessKeyId, checksums } = this.#host;
    const signer = signingKey(this.#request);
    if (accessKeyId !== undefined && signer === undefined) return s3Error('AccessDenied', 'Access Denied');
    if (accessKeyId !== undefined && signer !== accessKeyId) {
      return s3Error('InvalidAccessKeyId', 'The access key Id you provided does not exist in our records.');
    }
    return checkChecksumSupport(this.#incoming.headers, checksums);
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    // Keeps the socket if a reader stops inside a malformed body: it must still carry the refusal.
    for await (const chunk of this.#incoming.iterator({ destroyOnReturn: false })) {
      this.#bytesUp += chunk.length;
      yield chunk;
    }
  }

  async #answer(reply: S3Reply): Promise<void> {
    const { faults } = this.#host;
    const slow = faults.take(this.#request, 'reply');
    await this.#host.pause(this.#halfTripMs + (slow?.fault === 'slow-first-byte' ? slow.delayMs : 0));
    const hasBody = this.#incoming.method !== 'HEAD' && reply.body.length > 0;
    const fault = hasBody && reply.status < 300 ? faults.take(this.#request, 'body') : undefined;
    const body = hasBody ? (fault?.fault === 'corrupt-body' ? corrupted(reply.body, fault.at) : reply.body) : undefined;
    const sent = fault?.fault === 'truncate-body' ? body?.subarray(0, body.length / 2) : body;
    // Before the first byte is sent: a client with an answer finds it counted.
    this.#addToRecord(reply.status, sent?.length ?? 0);
    this.#response.writeHead(reply.status, this.#headers(reply));
    if (fault?.fault === 'truncate-body') {
      this.#response.flushHeaders();
      this.#response.write(sent, () => this.#incoming.socket.destroy());
    } else if (sent !== undefined && sent.length > PIECE_BYTES) {
      await pipeline(Readable.from(pieces(sent)), this.#response);
    } else {
      this.#response.end(sent);
    }
  }

  #headers(reply: S3Reply): Record<string, string> {
    const { status, headers, body } = reply;
    const isHead = this.#incoming.method === 'HEAD';
    const withLength = !isHead && status !== 204 && status !== 304;
    return {
      'x-amz-request-id': this.#requestId,
      ...(withLength ? { 'content-length': String(body.length) } : {}),
      // Like S3 for an error whose body HEAD omits; without it the connection would close.
      ...(isHead && status >= 400 ? { 'transfer-encoding': 'chunked' } : {}),
      // The rest of an unread body would be taken for the next request.
      ...(this.#incoming.complete ? {} : { connection: 'close' }),
      ...headers,
    };
  }

  #errorReply(error: S3Error): S3Reply {
    return errorReply(error, this.#request, this.#requestId);
  }

  #reset(): void {
    this.#addToRecord(0, 0);
    this.#incoming.socket.resetAndDestroy();
  }

  #addToRecord(status: number, bytesDown: number): void {
    if (this.#recorded) return;
    this.#recorded = true;
    const { operation, bucket, key, conditions } = this.#request;
    const { ifMatch, ifNoneMatch } = conditions;
    const bytesUp = this.#bytesUp;
    const expectContinue = this.#expectContinue;
    this.#host.record.add({ operation, bucket, key, status, ifMatch, ifNoneMatch, bytesUp, bytesDown, expectContinue });
  }
}

function scriptedError(status: number, code: string | undefined): S3Error {
  return new S3Error(code ?? CODE_OF_STATUS[status] ?? 'InternalError', status, 'Scripted by the test server');
}

function internalError(error: unknown): S3Error {
  return s3Error('InternalError', error instanceof Error ? error.message : String(error));
}

function corrupted(body: Buffer, at = body.length >>> 1): Buffer {
  const copy = Buffer.from(body);
  copy.writeUInt8(copy.readUInt8(at) ^ 0xff, at);
  return copy;
}

function* pieces(body: Buffer): Generator<Buffer> {
  for (let start = 0; start < body.length; start += PIECE_BYTES) yield body.subarray(start, start + PIECE_BYTES);
}
