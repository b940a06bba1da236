import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { S3DatabaseStoreOptions } from '../../src/store/s3-store-options.ts';
import { BUCKET } from './bucket.ts';
import type { LinkSettings } from './lane.ts';
import type { QueueSettings } from './queue.ts';

export type ServerCall = { readonly id: number } & (
  | { readonly kind: 'open-link'; readonly settings: LinkSettings }
  | { readonly kind: 'open-queue'; readonly settings: QueueSettings }
  | { readonly kind: 'counts' }
  | { readonly kind: 'clear' }
);

export interface ServerReply {
  readonly id: number;
  readonly value: unknown;
}

/** The traffic since counting began. */
export interface Counts {
  readonly requests: number;
  /** Bytes of request bodies. */
  readonly bytesUp: number;
  /** Bytes of reply bodies. */
  readonly bytesDown: number;
  readonly connections: number;
  readonly operations: { readonly GetObject: number; readonly PutObject: number };
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** What ours gives a server to compare with a body; undefined: as it gives an engine that it does not know. */
export type BodyDigest = S3DatabaseStoreOptions['bodyDigest'];

/** An S3 server in another process, with a bucket only for the benchmarks. */
export interface RemoteServer {
  /** Its name in tables. */
  readonly engine: string;
  readonly credentials: Credentials;
  readonly bodyDigest: BodyDigest;
  /** Without a link. */
  readonly endpoint: string;
  /** Opens a new link to it, which lives as long as the server, and returns the link's endpoint. */
  openLink(settings: LinkSettings): Promise<string>;
  /** The same with a queue of known capacity (queue.ts). */
  openQueue(settings: QueueSettings): Promise<string>;
  /** A request counts before its reply arrives. */
  counts(): Promise<Counts>;
  /** Removes every object. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

type Unnumbered<T> = T extends unknown ? Omit<T, 'id'> : never;

/** Starts the loopback S3 server, which counts the requests. The caller closes it. */
export async function startRemoteServer(): Promise<RemoteServer> {
  const server = await startServerProcess([]);
  return {
    ...server,
    engine: 'loopback S3 server',
    // It stands for AWS, and compares what AWS is given.
    bodyDigest: 'crc32',
    // It accepts any keys.
    credentials: { accessKeyId: BUCKET, secretAccessKey: BUCKET },
  };
}

/** Starts the compiled server process. The caller closes it. Every call rejects once the process has ended. */
export async function startServerProcess(
  argv: readonly string[],
): Promise<Omit<RemoteServer, 'engine' | 'credentials' | 'bodyDigest'>> {
  const child = fork(fileURLToPath(new URL('./server-process.js', import.meta.url)), argv, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let ended: Error | undefined;
  const closed = new Promise<void>((resolve) => {
    const end = (error: Error): void => {
      ended = error;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
      resolve();
    };
    child.on('error', end);
    child.on('exit', (code, signal) => end(new Error(`the S3 server ended with ${signal ?? code}`)));
  });
  child.on('message', ({ id, value }: ServerReply) => {
    waiting.get(id)?.resolve(value);
    waiting.delete(id);
  });
  const replyTo = <T>(id: number): Promise<T> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) reject(ended);
      else waiting.set(id, { resolve: (value) => resolve(value as T), reject });
    });
  let calls = 0;
  const call = <T>(request: Unnumbered<ServerCall>): Promise<T> => {
    calls += 1;
    const reply = replyTo<T>(calls);
    if (ended === undefined) child.send({ id: calls, ...request });
    return reply;
  };
  const urlOf = (port: number): string => `http://127.0.0.1:${port}`;
  const port = await replyTo<number>(0);
  return {
    endpoint: urlOf(port),
    openLink: async (settings) => urlOf(await call<number>({ kind: 'open-link', settings })),
    openQueue: async (settings) => urlOf(await call<number>({ kind: 'open-queue', settings })),
    counts: () => call({ kind: 'counts' }),
    clear: () => call({ kind: 'clear' }),
    close: async () => {
      child.disconnect();
      await closed;
    },
  };
}
