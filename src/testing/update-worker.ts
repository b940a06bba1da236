/**
 * Updates databases through the library and prints the outcome of each update: `node dist/testing/update-worker.js
 * '<UpdateOrders as JSON>'`. Rows go to `updates (worker, n)`.
 */
import type * as library from '../library/index.ts';

export interface UpdateOrders {
  readonly endpoint: string;
  readonly bucket: string;
  readonly cacheDir: string;
  readonly worker: number;
  readonly count: number;
  /** Used in turn, starting from a different one in each worker. */
  readonly usernames: readonly string[];
}

export interface UpdateReport {
  readonly committed: number;
  /** Updates that failed, with their errors. */
  readonly failed: readonly { readonly n: number; readonly kind: string; readonly message: string }[];
}

// A worker retries until it wins: one that gave up would prove nothing.
const RETRIES = 10_000;

const { JavumboError, openUserDatabases }: typeof library = await import('../bundle/library.js' as string);
const { endpoint, bucket, cacheDir, worker, count, usernames } = JSON.parse(process.argv[2] ?? '') as UpdateOrders;
const databases = await openUserDatabases({ bucket, endpointUrl: endpoint, cacheDirectory: cacheDir });

let committed = 0;
const failed: { n: number; kind: string; message: string }[] = [];
for (let n = 0; n < count; n++) {
  const username = usernames[(worker + n) % usernames.length] ?? '';
  try {
    const { outcome } = await databases.update(
      username,
      (database) => database.prepare('INSERT INTO updates VALUES (?, ?)').run(worker, n),
      { retries: RETRIES },
    );
    if (outcome === 'committed') committed += 1;
    else failed.push({ n, kind: outcome, message: '' });
  } catch (error) {
    const kind = error instanceof JavumboError ? error.kind : 'internal';
    failed.push({ n, kind, message: error instanceof Error ? error.message : String(error) });
  }
}
databases.close();
const report: UpdateReport = { committed, failed };
process.stdout.write(JSON.stringify(report));
