import type { Config } from '../config/config.ts';
import type { Context } from '../core/context.ts';
import type { ExtraRequest } from '../core/request-counts.ts';
import type { TableRequestCounter } from '../core/table-requests.ts';
import type { ObjectVersions } from '../history/object-versions.ts';
import type { SqliteEngine } from '../sqlite/engine.ts';
import type { DatabaseStore, DeleteOutcome } from '../store/database-store.ts';
import type { DeletionProbe } from '../store/deletion-probe.ts';
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
