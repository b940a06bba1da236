/**
 * A process of its own that updates databases through the library and prints what it was told of each update:
 * `node dist/testing/update-worker.js '<UpdateOrders as JSON>'`. Rows go to `updates (worker, n)`.
 */
import { JavumboError, openUserDatabases } from '../library/index.ts';

export interface UpdateOrders {
  readonly endpoint: string;
  readonly bucket: string;
  readonly cacheDir: string;
  readonly worker: number;
  readonly count: number;
  /** Taken in turn, from another one in each worker on. */
  readonly usernames: readonly string[];
}

export interface UpdateReport {
  readonly committed: number;
  /** What an update ended with instead. */
  readonly failed: readonly { readonly n: number; readonly kind: string; readonly message: string }[];
}

// Whoever loses a race tries again until it wins one: a worker that gave up would prove nothing.
const RETRIES = 10_000;

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
