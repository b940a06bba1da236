import type { Context } from '../cli/context.ts';
import type { Config } from '../config.ts';
import type { DeletionProbe } from '../databases/deletion-probe.ts';
import type { ObjectVersions } from '../databases/object-versions.ts';
import type { ExtraRequest } from '../databases/request-counts.ts';
import type { SqliteEngine } from '../databases/sqlite.ts';
import type { DatabaseStore, DeleteOutcome } from '../databases/store.ts';
import type { TableRequestCounter } from '../table-requests.ts';
import type { Tables } from './tables.ts';

/** What keeps the data of a deployment. */
export interface Backend {
  readonly store: DatabaseStore;
  /** Tells deployments apart in the cache. */
  readonly identity: string;
  readonly engine: () => string;
  readonly tables: Tables;
  readonly objects: () => Promise<ObjectVersions>;
  /** Absent where deletes compare by themselves. */
  readonly tryDeletion?: (() => Promise<DeletionProbe>) | undefined;
  readonly removeTombstone?: ((username: string, olderThan: number) => Promise<DeleteOutcome>) | undefined;
  /** What opens the files that come out of the store. */
  readonly sqlite: SqliteEngine;
  readonly close: () => void;
}

/** Who counts the requests that wrappers around the store and the tables cannot see. */
export interface BackendCounters {
  readonly tables: TableRequestCounter;
  readonly onExtraRequest: (request: ExtraRequest, bytesUp: number) => void;
}

export type OpenBackend = (config: Config, context: Context, counters: BackendCounters) => Promise<Backend>;
