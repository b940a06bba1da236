/**
 * An S3 server on loopback, for tests and benchmarks: the real SDK uses it over real sockets. Objects live in memory.
 * It can imitate engines that differ from S3, delay answers, and inject named faults.
 *
 * Its one invariant: the conditions of a write are judged in the same synchronous step as the write, after the whole
 * body has arrived. So of all conditional writes on one version exactly one wins, the first to finish.
 */

import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse, validateHeaderValue } from 'node:http';
import { type Clock, systemClock } from '../../core/clock.ts';
import { type Random, systemRandom } from '../../core/random.ts';
import type { ChecksumSupport } from './body.ts';
import type { IfMatchForm } from './conditions.ts';
import { type LoggedRequest, RequestRecord, type S3Counts } from './counts.ts';
import type { S3ErrorCode } from './error.ts';
import { Exchange, type ExchangeHost, type S3Hook } from './exchange.ts';
import { Faults, type InjectedFault, type ScriptedFault } from './faults.ts';
import { Buckets } from './objects.ts';
import type { S3State } from './reply.ts';
import type { S3Request } from './request.ts';

export type { ChecksumSupport } from './body.ts';
export type { IfMatchForm } from './conditions.ts';
export type { LoggedRequest, S3Counts } from './counts.ts';
export type { S3Hook, S3RequestEvent } from './exchange.ts';
export type { Fault, FaultName, InjectedFault, ScriptedFault } from './faults.ts';
export type { S3Operation } from './request.ts';

/** The server's options, including the engine that it imitates. The defaults are S3. */
export interface S3ServerOptions {
  /** Initial buckets. */
  readonly buckets?: readonly string[];
  /** Default 0: any free port. */
  readonly port?: number;
  /** Refuse requests that another key signed, or none. Signatures themselves are never checked. Default: take all. */
  readonly accessKeyId?: string;
  /** The required spelling of `If-Match` on a write. Default `any`; Ceph 16: `unquoted`. */
  readonly ifMatchForm?: IfMatchForm;
  /** The answer to `If-Match` on a missing key. Default 404, as on S3; 412 on Ceph. */
  readonly ifMatchMissing?: 404 | 412;
  /** Ignores conditions of writes: always, or in buckets whose versioning was ever set, like Ceph 16. Default false. */
  readonly ignoreConditions?: boolean | 'on-versioned-buckets';
  /** Ignores `If-Match` on deletes, like Ceph 16. Default false. */
  readonly ignoreDeleteConditions?: boolean;
  /** Returns the error code of DeleteObjects for a key, in a reply of 200; undefined: the key is deleted. */
  readonly refuseDelete?: (key: string) => S3ErrorCode | undefined;
  /** The accepted checksums of the SDK. Default `all`; Ceph 16: `no-trailers`. */
  readonly checksums?: ChecksumSupport;
  /** The `Server` header of every reply; none by default, as Ceph 16. S3 says `AmazonS3`. */
  readonly serverHeader?: string;
  /** See `S3Server.roundTripMs`. Default 0. */
  readonly roundTripMs?: number;
  readonly beforeWork?: S3Hook;
  readonly beforeReply?: S3Hook;
  /** Dates objects and buckets. Latency is always real time. */
  readonly clock?: Clock;
  /** Generates version and upload ids, and decides faults with a probability but no `random`. */
  readonly random?: Random;
}

/** Ceph RGW 16 of Debian, where it was measured to differ from S3. */
export const CEPH_16 = {
  ifMatchForm: 'unquoted',
  ifMatchMissing: 412,
  ignoreConditions: 'on-versioned-buckets',
  ignoreDeleteConditions: true,
  checksums: 'no-trailers',
} as const satisfies S3ServerOptions;

export interface ServerObject {
  readonly body: Buffer;
  /** With quotes, as clients see it. */
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Undefined in a bucket without versioning. */
  readonly versionId: string | undefined;
}

export interface S3Server {
  /** `http://127.0.0.1:<port>`, for a client with path style. */
  readonly endpoint: string;
  readonly port: number;
  /** The counts so far. Each reset starts a new object. */
  readonly counts: S3Counts;
  /** Requests in the order of their ends; the oldest beyond 100,000 are dropped. */
  readonly log: readonly LoggedRequest[];
  /** Delays every reply, half before and half after the work. Applies to requests that begin from now on. */
  roundTripMs: number;
  /** Runs when a request has arrived completely, just before its work: another writer can come first. */
  beforeWork: S3Hook | undefined;
  /** Runs between work and reply: what it stores goes on top of the request's. */
  beforeReply: S3Hook | undefined;
  /** Arms a fault. Those of one kind are tried in the order of injection. */
  inject(fault: ScriptedFault): InjectedFault;
  /** Restores the initial state: objects, buckets, counts, log, faults, hooks and latency. Connections stay open. */
  reset(): void;
  /** Clears only counts and log. */
  resetCounts(): void;
  /** The current object, without the wire and the counts; `undefined` if a GET would find none. */
  object(bucket: string, key: string): ServerObject | undefined;
  /** Every key with a current object, in listing order. */
  keys(bucket: string): readonly string[];
  /** Stores an object without the wire, the counts and conditions. */
  putObject(
    bucket: string,
    key: string,
    body: Uint8Array | string,
    metadata?: Readonly<Record<string, string>>,
  ): ServerObject;
  /** Deletes without the wire; a versioned bucket keeps a delete marker. */
  deleteObject(bucket: string, key: string): void;
  /** Stops listening, ends all requests without a reply, even hanging ones, and clears every timer. */
  close(): Promise<void>;
}

/** Starts a server on 127.0.0.1. The caller closes it. */
export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const server = new LoopbackS3Server(options);
  await server.listen();
  return server;
}

class LoopbackS3Server implements S3Server, ExchangeHost {
  readonly accessKeyId: string | undefined;
  readonly checksums: ChecksumSupport;
  readonly faults: Faults;
  readonly record = new RequestRecord();
  state: S3State;
  roundTripMs: number;
  beforeWork: S3Hook | undefined;
  beforeReply: S3Hook | undefined;
  readonly #options: S3ServerOptions;
  readonly #random: Random;
  readonly #http: Server;
  readonly #closing = new AbortController();
  #requests = 0;

  constructor(options: S3ServerOptions) {
    this.#options = options;
    this.#random = options.random ?? systemRandom;
    this.accessKeyId = options.accessKeyId;
    this.checksums = options.checksums ?? 'all';
    this.faults = new Faults(this.#random);
    this.state = this.#initialState();
    this.roundTripMs = options.roundTripMs ?? 0;
    this.beforeWork = options.beforeWork;
    this.beforeReply = options.beforeReply;
    // Every delayed request listens for the close.
    setMaxListeners(0, this.#closing.signal);
    // No timeouts: an idle connection that closes just as the client writes to it looks like a fault.
    this.#http = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
    this.#http.on('connection', () => this.record.addConnection());
    this.#http.on('request', (incoming, response) => this.#exchange(incoming, response, false));
    this.#http.on('checkContinue', (incoming, response) => this.#exchange(incoming, response, true));
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    const address = this.#http.address();
    if (address === null || typeof address === 'string') throw new Error('the S3 server is not listening');
    return address.port;
  }

  get counts(): S3Counts {
    return this.record.counts;
  }

  get log(): readonly LoggedRequest[] {
    return this.record.log;
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen(this.#options.port ?? 0, '127.0.0.1', resolve);
    });
  }

  inject(fault: ScriptedFault): InjectedFault {
    return this.faults.inject(fault);
  }

  reset(): void {
    this.state = this.#initialState();
    this.faults.clear();
    this.record.reset();
    this.roundTripMs = this.#options.roundTripMs ?? 0;
    this.beforeWork = this.#options.beforeWork;
    this.beforeReply = this.#options.beforeReply;
  }

  resetCounts(): void {
    this.record.reset();
  }

  object(bucket: string, key: string): ServerObject | undefined {
    const holder = this.state.buckets.get(bucket);
    const stored = holder.current(key);
    if (stored === undefined) return undefined;
    const versionId = holder.versioning === undefined ? undefined : stored.versionId;
    return { body: stored.body, etag: `"${stored.etag}"`, metadata: stored.metadata, versionId };
  }

  keys(bucket: string): readonly string[] {
    const holder = this.state.buckets.get(bucket);
    return holder.keys().filter((key) => holder.current(key) !== undefined);
  }

  putObject(
    bucket: string,
    key: string,
    body: Uint8Array | string,
    metadata: Readonly<Record<string, string>> = {},
  ): ServerObject {
    // Here, at the mistake, and not in the reply to a later GET.
    for (const [name, value] of Object.entries(metadata)) validateHeaderValue(`x-amz-meta-${name}`, value);
    const bytes = Buffer.from(body);
    const holder = this.state.buckets.get(bucket);
    const etag = createHash('md5').update(bytes).digest('hex');
    const stored = holder.put(key, { body: bytes, etag, metadata, contentType: 'binary/octet-stream', checksums: {} });
    const versionId = holder.versioning === undefined ? undefined : stored.versionId;
    return { body: bytes, etag: `"${etag}"`, metadata, versionId };
  }

  deleteObject(bucket: string, key: string): void {
    this.state.buckets.get(bucket).delete(key);
  }

  ignoresConditions({ operation, bucket }: S3Request): boolean {
    const { ignoreConditions = false, ignoreDeleteConditions = false } = this.#options;
    if (ignoreDeleteConditions && (operation === 'DeleteObject' || operation === 'DeleteObjects')) return true;
    if (ignoreConditions !== 'on-versioned-buckets') return ignoreConditions;
    return this.state.buckets.has(bucket) && this.state.buckets.get(bucket).versioning !== undefined;
  }

  pause(milliseconds: number): Promise<void> {
    return milliseconds > 0 ? systemClock.sleep(milliseconds, this.#closing.signal) : Promise.resolve();
  }

  close(): Promise<void> {
    this.#closing.abort(new Error('the S3 server is closing'));
    return new Promise((resolve) => {
      // The callback's error only says that it is closed already.
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  #exchange(incoming: IncomingMessage, response: ServerResponse, expectContinue: boolean): void {
    this.#requests += 1;
    if (this.#options.serverHeader !== undefined) response.setHeader('server', this.#options.serverHeader);
    const requestId = this.#requests.toString(16).padStart(16, '0').toUpperCase();
    void new Exchange(this, incoming, response, { requestId, expectContinue }).run();
  }

  #initialState(): S3State {
    const { buckets = [], clock = systemClock, ifMatchForm = 'any', ifMatchMissing = 404 } = this.#options;
    const { refuseDelete = () => undefined } = this.#options;
    const holder = new Buckets(clock, this.#random);
    for (const name of buckets) holder.create(name);
    return {
      buckets: holder,
      rules: { ifMatchForm, ifMatchMissing },
      refuseDelete,
    };
  }
}
