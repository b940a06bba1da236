import { createCollection } from '../anki/collection.ts';
import { addNote } from '../anki/note.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { Requester } from './requester.ts';
import { type Metric, metricOf } from './stats.ts';
import type { RequestTimes } from './timed-request.ts';

export interface LatencyResult {
  readonly times: readonly RequestTimes[];
  /** The version that each request committed. */
  readonly versions: readonly string[];
  readonly sizeBeforeBytes: number;
  readonly sizeAfterBytes: number;
}

/** A new collection with that many notes: what each scenario begins with. One PUT. */
export async function createWithNotes(
  databases: UserDatabases,
  username: string,
  notes: number,
  sources: { readonly clock: Clock; readonly random: Random },
): Promise<number[]> {
  const { value } = await databases.create(username, (database) => {
    createCollection(database, sources);
    database.exec('BEGIN');
    const ids = Array.from(
      { length: notes },
      (_, index) => addNote(database, { fields: [`Front ${index + 1}`, `Back ${index + 1}`] }, sources).noteId,
    );
    database.exec('COMMIT');
    return ids;
  });
  return value;
}

/**
 * Test 2.3: requests one after the other (a closed loop), each reading and changing one row of a database that is
 * fetched and stored every time.
 */
export async function measureLatency(options: {
  readonly requester: Requester;
  /** Without a cache, to look at the database at the end. */
  readonly databases: UserDatabases;
  readonly username: string;
  readonly requests: number;
  readonly onRequest?: (index: number, times: RequestTimes) => void;
}): Promise<LatencyResult> {
  const { requester, databases, username, requests, onRequest } = options;
  const times: RequestTimes[] = [];
  const versions: string[] = [];
  let firstSizeBytes = 0;
  for (let index = 0; index < requests; index++) {
    const { version, sizeBeforeBytes, ...measured } = await requester.write(username, 'bypass');
    if (index === 0) firstSizeBytes = sizeBeforeBytes;
    versions.push(version);
    times.push(measured);
    onRequest?.(index, measured);
  }
  const sizeAfterBytes = await databases.read(username, ({ stored }) => stored.sizeBytes);
  return { times, versions, sizeBeforeBytes: firstSizeBytes, sizeAfterBytes };
}

/** What Test 2.3 measures, for whoever must know it beforehand. */
export const LATENCY_FIGURES = {
  metrics: ['downloadMs', 'queryMs', 'uploadMs', 'totalMs'],
  derived: [
    'storeSharePercent',
    'uploadToDownloadRatio',
    'distinctVersions',
    'sizeBeforeBytes',
    'sizeAfterBytes',
    'projectedHitRatePercent',
    'projectedDownloadMs',
    'projectedTotalMs',
    'projectedSavingMs',
    'projectedSavingPercent',
    'projectedCachedRequestMs',
    'getPerRequest',
    'putPerRequest',
    'bytesDownPerRequest',
    'bytesUpPerRequest',
  ],
} as const;

// Week 1's forecast of what caching would bring: a quarter of the downloads remain.
const PROJECTED_HIT_RATE = 0.75;

/** The figures of Test 2.3. */
export function latencyFigures({ times, versions, sizeBeforeBytes, sizeAfterBytes }: LatencyResult): {
  readonly metrics: Readonly<Record<keyof RequestTimes, Metric>>;
  readonly derived: Readonly<Record<string, number>>;
} {
  const metric = (phase: keyof RequestTimes): Metric => metricOf(times.map((request) => request[phase]));
  const metrics = {
    downloadMs: metric('downloadMs'),
    queryMs: metric('queryMs'),
    uploadMs: metric('uploadMs'),
    totalMs: metric('totalMs'),
  };
  const download = metrics.downloadMs.mean;
  const upload = metrics.uploadMs.mean;
  const total = metrics.totalMs.mean;
  const savingMs = download * PROJECTED_HIT_RATE;
  return {
    metrics,
    derived: {
      storeSharePercent: ((download + upload) / total) * 100,
      uploadToDownloadRatio: upload / download,
      distinctVersions: new Set(versions).size,
      sizeBeforeBytes,
      sizeAfterBytes,
      projectedHitRatePercent: PROJECTED_HIT_RATE * 100,
      projectedDownloadMs: download - savingMs,
      projectedTotalMs: total - savingMs,
      projectedSavingMs: savingMs,
      projectedSavingPercent: (savingMs / total) * 100,
      projectedCachedRequestMs: total - download,
    },
  };
}
