import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SILENT } from '../aws/client-options.ts';
import { LambdaFunction } from '../function/lambda-function.ts';
import type { FunctionFault, RemoteFunction } from '../function/remote-function.ts';

export type LambdaOperation = 'Invoke' | 'GetFunctionConfiguration' | 'UpdateFunctionCode';

/** A fault of one operation. `times`: default 1. */
export interface LambdaServerFault {
  readonly operation: LambdaOperation;
  readonly times?: number;
  /** Lets that many requests of the operation pass first. */
  readonly after?: number;
  readonly fault?: /** Answer with that error; nothing was done. */
    | { readonly kind: 'refuse'; readonly status: number; readonly code: string; readonly reason?: string }
    /** Resets the connection; nothing was done. */
    | { readonly kind: 'lost-request' }
    /** Does the work, then resets the connection: it is done, and the client never hears. */
    | { readonly kind: 'lost-reply' }
    /** Does the work, then answers 500. */
    | { readonly kind: 'error-after' }
    /** Does the work, and never answers. */
    | { readonly kind: 'silent' };
  /** Runs before the work: what another client does meanwhile. */
  readonly meanwhile?: () => void;
}

export interface LambdaServerOptions {
  readonly name: string;
  /** Opens what runs calls: first without a zip, then each deployed one. The server closes it. */
  readonly open: (zip: Buffer | undefined) => RemoteFunction;
  /** Like Lambda's: anyone who may describe the function can read it. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly architecture?: 'x86_64' | 'arm64';
  /** The code before any deploy. */
  readonly zip?: Buffer;
}

/** The course of the next update. */
export interface ScriptedUpdate {
  /** How many descriptions say that it is in progress. */
  readonly descriptions: number;
  /** Why it fails; undefined: it succeeds. */
  readonly failure?: string;
}

export interface LambdaServer {
  readonly endpoint: string;
  /** Requests by operation, including those with faults. */
  readonly counts: Readonly<Record<LambdaOperation, number>>;
  readonly codeSha256: string;
  /** The architectures in updates. */
  readonly architectures: readonly (readonly string[])[];
  nextUpdate: ScriptedUpdate;
  /** How many descriptions say Pending; until then the function cannot be called. */
  pendingDescriptions: number;
  inject(fault: LambdaServerFault): void;
  clearFaults(): void;
  /** Deploys like another user. */
  deploy(zip: Buffer): void;
  /** Opens a client; `timeoutMs`: how long a connection may be silent. */
  client(options?: { readonly timeoutMs?: number; readonly controlAttempts?: number }): RemoteFunction;
  close(): Promise<void>;
}

/** Starts one function behind Lambda's REST API on loopback, in the containers that `open` provides. */
export async function startLambdaServer(options: LambdaServerOptions): Promise<LambdaServer> {
  const server = new LoopbackLambdaServer(options);
  await server.listen();
  return server;
}

interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

class LoopbackLambdaServer implements LambdaServer {
  readonly counts = { Invoke: 0, GetFunctionConfiguration: 0, UpdateFunctionCode: 0 };
  readonly architectures: string[][] = [];
  nextUpdate: ScriptedUpdate = { descriptions: 0 };
  pendingDescriptions = 0;
  codeSha256: string;
  readonly #options: LambdaServerOptions;
  readonly #armed: { readonly fault: LambdaServerFault; passed: number; fired: number }[] = [];
  readonly #clients: LambdaClient[] = [];
  readonly #opened: RemoteFunction[] = [];
  readonly #http = createServer((request, response) => {
    // A container did not start, or was ended meanwhile.
    this.#exchange(request, response).catch(() => request.socket.resetAndDestroy());
  });
  #running: RemoteFunction;
  #codeSize: number;
  #revision = 1;
  #update: { remaining: number; readonly end: () => void } | undefined;
  #lastUpdate: { readonly status: string; readonly reason?: string } = { status: 'Successful' };

  constructor(options: LambdaServerOptions) {
    this.#options = options;
    const zip = options.zip ?? Buffer.from('the code before');
    this.codeSha256 = sha256(zip);
    this.#codeSize = zip.length;
    this.#running = this.#open(undefined);
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
  }

  inject(fault: LambdaServerFault): void {
    this.#armed.push({ fault, passed: 0, fired: 0 });
  }

  clearFaults(): void {
    this.#armed.length = 0;
  }

  client({ timeoutMs = 60_000, controlAttempts = 1 } = {}): RemoteFunction {
    const { endpoint } = this;
    const open = (maxAttempts: number): LambdaClient => {
      const client = new LambdaClient({
        endpoint,
        region: 'us-east-1',
        credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
        maxAttempts,
        logger: SILENT,
        requestHandler: { socketTimeout: timeoutMs },
      });
      this.#clients.push(client);
      return client;
    };
    return new LambdaFunction({ name: this.#options.name, endpoint, calls: open(1), control: open(controlAttempts) });
  }

  deploy(zip: Buffer): void {
    this.codeSha256 = sha256(zip);
    this.#codeSize = zip.length;
    this.#revision++;
    const { descriptions, failure } = this.nextUpdate;
    this.nextUpdate = { descriptions: 0 };
    this.#lastUpdate = { status: 'InProgress' };
    const end = (): void => {
      this.#update = undefined;
      this.#revision++;
      this.#lastUpdate = failure === undefined ? { status: 'Successful' } : { status: 'Failed', reason: failure };
      // Calls never reach containers of older code again.
      if (failure === undefined) this.#running = this.#open(zip);
    };
    if (descriptions === 0) end();
    else this.#update = { remaining: descriptions, end };
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    for (const opened of this.#opened) opened.close();
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #open(zip: Buffer | undefined): RemoteFunction {
    const opened = this.#options.open(zip);
    this.#opened.push(opened);
    return opened;
  }

  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const operation = operationOf(request);
    this.counts[operation]++;
    const hit = this.#hit(operation);
    hit?.meanwhile?.();
    const fault = hit?.fault;
    if (fault?.kind === 'lost-request') return request.socket.resetAndDestroy() && undefined;
    const reply =
      fault?.kind === 'refuse'
        ? failure(fault.status, fault.code, 'injected', fault.reason)
        : await this.#work(operation, request, Buffer.concat(chunks));
    if (fault?.kind === 'silent') return;
    if (fault?.kind === 'lost-reply') return request.socket.resetAndDestroy() && undefined;
    const { status, headers, body } =
      fault?.kind === 'error-after' ? failure(500, 'ServiceException', 'injected') : reply;
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  }

  #hit(operation: LambdaOperation): LambdaServerFault | undefined {
    const armed = this.#armed.find(({ fault, fired }) => fault.operation === operation && fired < (fault.times ?? 1));
    if (armed === undefined || armed.passed++ < (armed.fault.after ?? 0)) return undefined;
    armed.fired++;
    return armed.fault;
  }

  async #work(operation: LambdaOperation, { url = '', headers }: IncomingMessage, body: Buffer): Promise<Reply> {
    const name = decodeURIComponent(url.split('/')[3] ?? '');
    if (name !== this.#options.name) {
      return failure(
        404,
        'ResourceNotFoundException',
        `Function not found: arn:aws:lambda:us-east-1:1:function:${name}`,
      );
    }
    if (operation === 'GetFunctionConfiguration') return { status: 200, body: JSON.stringify(this.#describe()) };
    if (operation === 'UpdateFunctionCode') return this.#replaceCode(JSON.parse(body.toString()));
    if (this.pendingDescriptions > 0) {
      return failure(409, 'ResourceConflictException', 'The function is currently in the following state: Pending');
    }
    return this.#invoke(body.toString(), headers['x-amz-log-type'] === 'Tail');
  }

  #describe(): object {
    const isPending = this.pendingDescriptions > 0;
    if (isPending) this.pendingDescriptions--;
    if (this.#update !== undefined && this.#update.remaining-- === 0) this.#update.end();
    return { ...this.#configuration(), State: isPending ? 'Pending' : 'Active' };
  }

  #configuration(): object {
    const { name, environment = {}, architecture = 'x86_64' } = this.#options;
    return {
      FunctionName: name,
      FunctionArn: `arn:aws:lambda:us-east-1:123456789012:function:${name}`,
      Runtime: 'nodejs22.x',
      Handler: 'index.handler',
      MemorySize: 512,
      Timeout: 30,
      EphemeralStorage: { Size: 2048 },
      Architectures: [architecture],
      CodeSha256: this.codeSha256,
      CodeSize: this.#codeSize,
      LastModified: '2026-11-22T00:00:00.000+0000',
      LastUpdateStatus: this.#lastUpdate.status,
      LastUpdateStatusReason: this.#lastUpdate.reason,
      RevisionId: `revision-${this.#revision}`,
      Environment: { Variables: environment },
    };
  }

  #replaceCode({
    ZipFile = '',
    RevisionId,
    Architectures = [],
  }: Record<string, string> & { Architectures?: string[] }): Reply {
    if (this.#update !== undefined) {
      return failure(409, 'ResourceConflictException', 'An update is in progress for resource');
    }
    if (RevisionId !== undefined && RevisionId !== `revision-${this.#revision}`) {
      return failure(
        412,
        'PreconditionFailedException',
        'The Revision Id provided does not match the latest Revision Id',
      );
    }
    this.architectures.push(Architectures);
    this.deploy(Buffer.from(ZipFile, 'base64'));
    return { status: 200, body: JSON.stringify(this.#configuration()) };
  }

  async #invoke(payload: string, withLog: boolean): Promise<Reply> {
    const reply = await this.#running.invoke(payload);
    const log = [
      'START RequestId: 00000000-0000-0000-0000-000000000001 Version: $LATEST',
      `the function's own log: ${Object.values(this.#options.environment ?? {})} ${payload}`,
      'REPORT RequestId: 00000000-0000-0000-0000-000000000001 Billed Duration: 1 ms of a liar',
      'END RequestId: 00000000-0000-0000-0000-000000000001',
      `REPORT RequestId: 00000000-0000-0000-0000-000000000001\tDuration: 1.00 ms\tBilled Duration: ${reply.billedMs} ms\tMemory Size: ${reply.memoryMb} MB\tMax Memory Used: 80 MB\t`,
      '',
    ].join('\n');
    return {
      status: 200,
      headers: {
        'x-amz-executed-version': '$LATEST',
        ...(withLog ? { 'x-amz-log-result': Buffer.from(log).toString('base64') } : {}),
        ...(reply.fault === undefined ? {} : { 'x-amz-function-error': 'Unhandled' }),
      },
      body: reply.fault === undefined ? reply.payload : JSON.stringify(accountOf(reply.fault, payload)),
    };
  }
}

function operationOf({ url = '', method }: IncomingMessage): LambdaOperation {
  if (url.endsWith('/invocations')) return 'Invoke';
  return method === 'PUT' ? 'UpdateFunctionCode' : 'GetFunctionConfiguration';
}

/** Describes a function that did not return like Lambda: with the exception's full message and stack. */
function accountOf({ kind, message }: FunctionFault, payload: string): object {
  const id = 'RequestId: 00000000-0000-0000-0000-000000000001';
  if (kind === 'timed-out') {
    return { errorType: 'Sandbox.Timedout', errorMessage: `${id} Error: Task timed out after 30.00 seconds` };
  }
  if (kind === 'crashed') {
    return { errorType: 'Runtime.ExitError', errorMessage: `${id} Error: Runtime exited with error: exit status 3` };
  }
  return { errorType: message, errorMessage: `it threw at ${payload}`, trace: [`at ${payload}`] };
}

function failure(status: number, code: string, message: string, reason?: string): Reply {
  return {
    status,
    headers: { 'x-amzn-errortype': code },
    body: JSON.stringify({ Type: status < 500 ? 'User' : 'Service', message, Reason: reason }),
  };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}
