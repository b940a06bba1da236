import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '../core/clock.ts';
import { seededRandom } from '../core/random.ts';
import { DEFAULT_RETRY_POLICY } from '../core/retry.ts';
import { keyOf } from '../core/username.ts';
import { CountingDatabaseStore } from '../store/counting-store.ts';
import type { DatabaseStore, DeleteOutcome, PutOutcome } from '../store/database-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import { S3DatabaseStore } from '../store/s3-store.ts';
import { type DeletionKind, OPEN, TOMBSTONE_BYTES } from '../store/tombstone.ts';
import { type Base, decodeWrites, encodeWrites, writesOver } from '../store/write-ids.ts';
import { type S3Hook, type S3Operation, type S3Server, type ScriptedFault, startS3Server } from './s3-server/server.ts';

export const BUCKET = 'bucket';
export const KEY = keyOf('alice');
export const OURS = 'f'.repeat(32);
export const OUR_DELETE = 'd'.repeat(32);
export const BASE_WRITES: readonly string[] = ['b'.repeat(32), 'new'];
export const FOREVER = Number.POSITIVE_INFINITY;
export const PUT = 'PutObject';
export const DELETE = 'DeleteObject';
export const HEAD = 'HeadObject';

export const MODES = ['create', 'update'] as const;
export type Mode = (typeof MODES)[number];

export type Requests = Partial<Record<S3Operation, number>>;

/** `committed`, `conflict changed`, `unknown`, or the failure: `unavailable`, `unavailable, retryable`. */
export type Ending = string;

// Only hanging rows wait for it. An answered request must never run into it, however busy the machine.
const HANG_MS = 1_500;

// A lost or rejected request never reaches a hook, so the second request is the first there.
const MOMENTS = {
  'before our put': { operation: PUT, hook: 'beforeWork' },
  'before our second put': { operation: PUT, hook: 'beforeWork' },
  'after our put': { operation: PUT, hook: 'beforeReply' },
  'before our delete': { operation: DELETE, hook: 'beforeWork' },
  'before our second delete': { operation: DELETE, hook: 'beforeWork' },
  'after our delete': { operation: DELETE, hook: 'beforeReply' },
  'before our look': { operation: HEAD, hook: 'beforeWork' },
  'after our look': { operation: HEAD, hook: 'beforeReply' },
} as const;

/** `at once`: before the first request. */
export type When = keyof typeof MOMENTS | 'at once';

/** A row of a table: what happens, how the request then ends, what the store holds, and what was asked of it. */
export interface RowOfRig {
  readonly name: string;
  readonly faults?: readonly ScriptedFault[];
  readonly at?: When;
  readonly others?: (rig: Rig) => void;
  readonly ends: Ending;
  readonly holds: string | undefined;
  readonly requests: Requests;
}

export const HEAD_FAILS: ScriptedFault = { fault: 'refuse-before', operation: HEAD, status: 500, times: FOREVER };

export interface Rig {
  readonly server: S3Server;
  /** A store with retries, over real HTTP. */
  readonly store: DatabaseStore;
  /** The store below: without retries, and not in `counted`. */
  readonly s3: S3DatabaseStore;
  /** Our write's base; undefined for a create. */
  readonly base: Base;
  /** What is stored before our write, as in `holding`. */
  readonly before: string | undefined;
  readonly source: string;
  /** Our put's write ids. */
  readonly writes: readonly string[];
  /** How long the store would have waited between attempts, in milliseconds. */
  readonly sleeps: readonly number[];
  /** Sends our put, and returns its outcome or error. */
  put(): Promise<PutOutcome | Error>;
  /** Sends our delete of the base, likewise. */
  delete(): Promise<DeleteOutcome | Error>;
  /** Gets the whole database. */
  fetched(): Promise<string>;
  /** Requests by operation in the counting store. */
  counted(): Requests;
  /** Bytes sent, in the counting store. */
  bytesUp(): number;
  /** Requests by operation in the server. */
  requests(): Requests;
  /** What is stored: its text, `our tombstone`, `a tombstone`, or undefined. */
  holding(): string | undefined;
  currentVersion(): string;
  storedWrites(): string[];
  /** Lets that many writers write in turn, each over the current version, without the wire. */
  writeOnTop(writers: number, content?: string): void;
  /** Overwrites what is stored like a program without write ids. */
  writeForeign(content: string): void;
  /** Removes what is stored without a trace. */
  remove(): void;
  /** Delivers our put now, without the wire: the network had kept it, or sent it twice. */
  land(): void;
  /** Replaces what is stored by a tombstone of our delete, or of another, without the wire. */
  bury(own?: string): void;
  /** Lets others act once, at a moment of our write. */
  interpose(when: When, others: (rig: Rig) => void): void;
}

export interface RigOptions {
  readonly hangs?: boolean;
  /** The base of an update has no write ids, as from another program. */
  readonly foreignBase?: boolean;
  readonly endpoint?: string;
  readonly bucket?: string;
  /** A custom endpoint, whose form of `If-Match` is not known. */
  readonly atEndpoint?: boolean;
  readonly attemptsMax?: number;
  /** Default `condition`. */
  readonly deletion?: DeletionKind;
}

const cleanUps: (() => Promise<void>)[] = [];

/** Ends what `startRig` started. For `afterEach`. */
export async function closeRigs(): Promise<void> {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
}

/** Starts a server with the base of an update, and a store with retries on it. */
export async function startRig(mode: Mode, options: RigOptions = {}): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-retrying-'));
  const server = await startS3Server({ buckets: [BUCKET], ifMatchForm: 'quoted' });
  const endpoint = options.endpoint ?? server.endpoint;
  const client = new S3Client({
    endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'secret' },
    maxAttempts: 1,
    expectContinueHeader: false,
    ...(options.hangs === true ? { requestHandler: { socketTimeout: HANG_MS } } : {}),
    // The SDK prints a warning for every failed put; these fail on purpose.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
  cleanUps.push(async () => {
    client.destroy();
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const { deletion = 'condition', foreignBase = false } = options;
  const s3 = new S3DatabaseStore(client, {
    bucket: options.bucket ?? BUCKET,
    endpoint: options.atEndpoint === true ? endpoint : undefined,
    onExtraRequest: (request, bytesUp) => counting.meter.countExtra(request, bytesUp),
    deletion: { kind: async () => deletion, random: seededRandom(2) },
  });
  const counting = new CountingDatabaseStore(s3);
  const sleeps: number[] = [];
  const clock: Clock = { ...systemClock, sleep: async (milliseconds) => void sleeps.push(milliseconds) };
  const policy = { ...DEFAULT_RETRY_POLICY, attemptsMax: options.attemptsMax ?? DEFAULT_RETRY_POLICY.attemptsMax };
  const store = new RetryingDatabaseStore(counting, { clock, random: seededRandom(1), policy });

  const write = (content: string | Buffer, list: readonly string[], more: Record<string, string> = {}): void => {
    server.putObject(BUCKET, KEY, content, {
      ...(list.length === 0 ? {} : { javumbowrites: encodeWrites(list) }),
      ...more,
    });
  };
  const currentVersion = (): string => (server.object(BUCKET, KEY)?.etag ?? '').replaceAll('"', '');
  const storedWrites = (): string[] => decodeWrites(server.object(BUCKET, KEY)?.metadata.javumbowrites);
  const currentBase = (): Base =>
    server.object(BUCKET, KEY) === undefined ? undefined : { version: currentVersion(), writes: storedWrites() };
  const holding = (): string | undefined => {
    const object = server.object(BUCKET, KEY);
    if (object?.metadata.javumbodeleted === undefined) return object?.body.toString();
    return storedWrites()[0] === OUR_DELETE ? 'our tombstone' : 'a tombstone';
  };

  // Stores our update's base without the wire.
  if (mode === 'update') write('the base', foreignBase ? [] : BASE_WRITES);
  const base = currentBase();
  const writes = writesOver(base, OURS);
  const source = join(directory, 'source');
  writeFileSync(source, 'our bytes');
  let writers = 0;
  let burials = 0;
  const rig: Rig = {
    server,
    store,
    s3,
    base,
    before: holding(),
    source,
    writes,
    sleeps,
    put: () => {
      const condition =
        base === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'version', version: base.version } as const);
      return store.put('alice', source, { condition, writes }).catch((error: Error) => error);
    },
    delete: () => {
      const ifVersion = base?.version ?? 'some-version';
      const list = [OUR_DELETE, ...(base?.writes ?? BASE_WRITES)];
      return store.delete('alice', { ifVersion, writes: list }).catch((error: Error) => error);
    },
    fetched: async () => {
      const destination = join(directory, 'fetched');
      await store.get('alice', destination);
      return readFileSync(destination, 'utf8');
    },
    counted: () => {
      const { put, head, get, list, delete: deletes } = counting.counts();
      return withoutZeros({
        PutObject: put,
        HeadObject: head,
        GetObject: get,
        ListObjectsV2: list,
        DeleteObject: deletes,
      });
    },
    bytesUp: () => counting.counts().bytesUp,
    requests: () => withoutZeros(server.counts.operations),
    holding,
    currentVersion,
    storedWrites,
    writeOnTop: (count, content) => {
      for (let writer = 0; writer < count; writer++) {
        writers++;
        write(content ?? `by writer ${writers}`, writesOver(currentBase(), writers.toString(16).padStart(32, '0')));
      }
    },
    writeForeign: (content) => write(content, []),
    remove: () => server.deleteObject(BUCKET, KEY),
    land: () => write('our bytes', writes),
    bury: (own = OUR_DELETE) => {
      burials++;
      write(Buffer.alloc(TOMBSTONE_BYTES, burials), [own, ...storedWrites()], { javumbodeleted: OPEN });
    },
    interpose: (when, others) => {
      if (when === 'at once') return others(rig);
      const { operation, hook } = MOMENTS[when];
      const listener: S3Hook = (event) => {
        if (event.operation !== operation) return;
        server[hook] = undefined;
        others(rig);
      };
      server[hook] = listener;
    },
  };
  return rig;
}

/** True if a rig must be ready for requests that are never answered. */
export function hangs(faults: readonly ScriptedFault[]): boolean {
  return faults.some(({ fault }) => fault.startsWith('hang'));
}

export function endingOf(outcome: unknown): Ending {
  if (outcome instanceof Error) {
    const { kind, retryable } = outcome as { kind?: string; retryable?: boolean };
    return `${kind ?? outcome.message}${retryable === true ? ', retryable' : ''}`;
  }
  const { kind, reason } = outcome as { kind: string; reason?: string };
  return reason === undefined ? kind : `${kind} ${reason}`;
}

function withoutZeros(counts: Requests): Requests {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
