import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { type RepeatingProxy, startRepeatingProxy } from '../testing/repeating-proxy.ts';
import { freshMachine, runCommand, temporaryDirectory } from '../testing/run-command.ts';
import type { S3Place } from '../testing/s3-server/place.ts';
import type { UpdateOrders, UpdateReport } from '../testing/update-worker.ts';

const PROCESSES = 5;
const USERNAMES = ['alice', 'bob', 'carol'];

/** The rows reported as committed that are not stored exactly once. */
interface Wrong {
  readonly missing: readonly string[];
  readonly twice: readonly string[];
}

/**
 * Tests the library behind a proxy that delivers every tenth PUT twice, on any S3 engine. The promise is stated for
 * 2,000 updates, which JAVUMBO_REPEATED_UPDATES asks for; `fewer` suffice every day.
 */
export function describeRepeatedUpdates(open: () => Promise<S3Place>, fewer: number): void {
  const count = Math.ceil(Number(process.env.JAVUMBO_REPEATED_UPDATES ?? fewer) / PROCESSES);
  const updates = count * PROCESSES;

  describe('the library behind a proxy that sends every tenth PUT twice', () => {
    let place: S3Place;
    let proxy: RepeatingProxy;

    beforeEach(async () => {
      place = await open();
      proxy = await startRepeatingProxy(place.endpoint);
    });

    afterEach(async () => {
      await proxy.close();
      await place.close();
    });

    /** Runs a command without the proxy. */
    async function directly(...argv: string[]): Promise<{ rows: { worker: number; n: number }[] }> {
      const where = ['--bucket', place.bucket, '--endpoint-url', place.endpoint];
      const { code, stdout, stderr } = await runCommand([...argv, ...where, '--json', '--quiet'], { env: place.keys });
      expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: '' });
      return JSON.parse(stdout);
    }

    test(`${updates} updates by ${PROCESSES} processes on ${USERNAMES.length} users: all committed, each row once`, async () => {
      for (const username of USERNAMES) {
        await directly('db', 'create', username);
        await directly('db', 'exec', username, 'CREATE TABLE updates (worker INTEGER, n INTEGER)');
      }
      const counts = proxy.repeat({ every: 10 });
      const directory = temporaryDirectory();
      const workers = Array.from({ length: PROCESSES }, async (_, worker): Promise<UpdateReport> => {
        const orders: UpdateOrders = {
          endpoint: proxy.endpoint,
          bucket: place.bucket,
          cacheDir: join(directory, `cache-${worker}`),
          worker,
          count,
          usernames: USERNAMES,
        };
        const env = { HOME: freshMachine().HOME, ...place.keys };
        const { code, stdout, stderr } = await runScript(SCRIPTS.updateWorker, [JSON.stringify(orders)], env);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        return JSON.parse(stdout);
      });
      const reports = await Promise.all(workers);

      const rows: string[] = [];
      for (const username of USERNAMES) {
        const stored = await directly('db', 'query', username, 'SELECT worker, n FROM updates');
        rows.push(...stored.rows.map(({ worker, n }) => `${username}: update ${n} of worker ${worker}`));
      }
      const expected = Array.from({ length: updates }, (_, index) => {
        const [worker, n] = [Math.floor(index / count), index % count];
        return `${USERNAMES[(worker + n) % USERNAMES.length]}: update ${n} of worker ${worker}`;
      });
      expect({
        committed: reports.map(({ committed }) => committed),
        failed: reports.flatMap(({ failed }) => failed),
        ...wrong(rows, expected),
      }).toEqual({ committed: Array(PROCESSES).fill(count), failed: [], missing: [], twice: [] });
      // Each update is at least one PUT, and most repeated ones had landed.
      expect(counts.repeated).toBeGreaterThanOrEqual(Math.floor(updates / 10));
      expect(counts.landed).toBeGreaterThan(updates / 100);
    });
  });
}

function wrong(rows: readonly string[], expected: readonly string[]): Wrong {
  const times = new Map<string, number>();
  for (const row of rows) times.set(row, (times.get(row) ?? 0) + 1);
  return {
    missing: expected.filter((row) => !times.has(row)),
    twice: [...times].filter(([, count]) => count > 1).map(([row, count]) => `${row} (${count} times)`),
  };
}
