import { S3_OPERATIONS, type S3Operation } from './request.ts';

/** The log's size limit, so that a long benchmark does not fill the memory. */
const LOG_ENTRIES_MAX = 100_000;

/** A finished request. */
export interface LoggedRequest {
  readonly operation: S3Operation;
  readonly bucket: string;
  readonly key: string;
  /** 0 if no reply was sent: a reset, a hang, an aborted upload. */
  readonly status: number;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Bytes of the request body on the wire, including chunk framing. */
  readonly bytesUp: number;
  /** Bytes of the reply's body that were sent; the client may have hung up earlier. */
  readonly bytesDown: number;
  readonly expectContinue: boolean;
}

/** A server's counts since its start or last reset. A request counts when its reply is decided. */
export interface S3Counts {
  readonly requests: number;
  /** Contains every operation, at 0 if never called. */
  readonly operations: Readonly<Record<S3Operation, number>>;
  /** By status; 0 for no reply. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly connections: number;
}

export class RequestRecord {
  #counts = emptyCounts();
  #log: LoggedRequest[] = [];

  get counts(): S3Counts {
    return this.#counts;
  }

  get log(): readonly LoggedRequest[] {
    return this.#log;
  }

  addConnection(): void {
    this.#counts.connections += 1;
  }

  add(entry: LoggedRequest): void {
    const counts = this.#counts;
    counts.requests += 1;
    counts.operations[entry.operation] += 1;
    counts.statuses[entry.status] = (counts.statuses[entry.status] ?? 0) + 1;
    counts.bytesUp += entry.bytesUp;
    counts.bytesDown += entry.bytesDown;
    this.#log.push(entry);
    // Half at a time: dropping one entry per request would move the whole array each time.
    if (this.#log.length > LOG_ENTRIES_MAX) this.#log.splice(0, LOG_ENTRIES_MAX / 2);
  }

  reset(): void {
    this.#counts = emptyCounts();
    this.#log = [];
  }
}

function emptyCounts() {
  return {
    requests: 0,
    operations: Object.fromEntries(S3_OPERATIONS.map((operation) => [operation, 0])) as Record<S3Operation, number>,
    statuses: {} as Record<number, number>,
    bytesUp: 0,
    bytesDown: 0,
    connections: 0,
  };
}
