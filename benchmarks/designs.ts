import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createCollection } from '../src/anki/collection.ts';
import { refuseNewerSchema } from '../src/anki/refuse-newer-schema.ts';
import { openS3 } from '../src/aws/s3-client.ts';
import { DatabaseCache } from '../src/cache/cache.ts';
import { DEFAULT_CACHE_LIMITS } from '../src/cache/evictions.ts';
import { type Config, resolveConfig } from '../src/config/config.ts';
import { systemClock } from '../src/core/clock.ts';
import { systemRandom } from '../src/core/random.ts';
import { UserDatabases } from '../src/databases/user-databases.ts';
import { betterSqlite } from '../src/sqlite/better-sqlite.ts';
import type { SqliteDatabase } from '../src/sqlite/engine.ts';
import { RetryingDatabaseStore } from '../src/store/retrying-store.ts';
import { S3DatabaseStore } from '../src/store/s3-store.ts';
import { WeekOneConflict, WeekOneDatabases } from './baseline/week-one-databases.ts';
import { BUCKET } from './wire/bucket.ts';
import type { BodyDigest, Credentials } from './wire/remote-server.ts';

/** A design on one machine, with its own cache. */
export interface Machine {
  /** Opens the user's database, counts the notes and closes it. */
  read(username: string): Promise<number>;
  /** Changes the database and stores it, retrying up to `retries` times after conflicts. */
  write(username: string, edit: (database: SqliteDatabase) => void, retries?: number): Promise<void>;
  /** Stores an empty Anki collection for a user who has none. */
  create(username: string): Promise<void>;
  /** The work between requests, if the design leaves that to its operator. */
  keepHouse(): void;
  remove(): void;
}

export interface MachineOptions {
  /** The age up to which a cached file is read without asking, in milliseconds. Default: 300 s, as in both designs. */
  readonly ttlMs?: number;
  /** The cache's limit in bytes. Default: 1,500 MB, as in both designs. */
  readonly cacheBytesMax?: number;
}

/** A design under test. Its machines share one SDK client, so connections are open after the first request. */
export interface Design {
  machine(options?: MachineOptions): Machine;
  close(): void;
}

export const DESIGN_NAMES = ['javumbo', 'week-one'] as const;
export type DesignName = (typeof DESIGN_NAMES)[number];

const TTL_MS = 300_000;
const SOURCES = { clock: systemClock, random: systemRandom };
// Like UserDatabases between two attempts; the baseline leaves this to its caller.
const BACKOFF_MS = 20;
const BACKOFF_MAX_MS = 1_000;

/** Opens a design on the server at an endpoint. `directory`: for its machines. The caller closes it. */
export function openDesign(name: DesignName, endpoint: string, directory: string, bodyDigest: BodyDigest): Design {
  const config = configOf(endpoint, directory);
  const machineDirectory = (): string => mkdtempSync(join(directory, `${name}-`));
  return name === 'javumbo' ? openJavumbo(config, machineDirectory, bodyDigest) : openWeekOne(config, machineDirectory);
}

/** Sets the credentials of clients opened from now on, including child processes. */
export function useCredentials({ accessKeyId, secretAccessKey }: Credentials): void {
  // The SDK reads them from the process.
  process.env.AWS_ACCESS_KEY_ID = accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey;
  delete process.env.AWS_SESSION_TOKEN;
  delete process.env.AWS_PROFILE;
}

/** Returns both designs' configuration: a bucket at that endpoint, and nothing from the environment. */
export function configOf(endpoint: string, directory: string): Config {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  return resolveConfig({ bucket: BUCKET, endpointUrl: endpoint, cacheDir: directory }, {});
}

function openJavumbo(config: Config, machineDirectory: () => string, bodyDigest: BodyDigest): Design {
  const client = openS3(config);
  const inner = new S3DatabaseStore(client, { bucket: BUCKET, endpoint: config.endpointUrl.value, bodyDigest });
  const store = new RetryingDatabaseStore(inner, SOURCES);
  return {
    machine: ({ ttlMs = TTL_MS, cacheBytesMax = DEFAULT_CACHE_LIMITS.bytesMax } = {}) => {
      const root = machineDirectory();
      const limits = { ...DEFAULT_CACHE_LIMITS, bytesMax: cacheBytesMax };
      const databases = new UserDatabases({
        store,
        cache: new DatabaseCache({ root, deployment: 'benchmarks', limits, ...SOURCES }),
        sqlite: async () => betterSqlite,
        caching: true,
        stalenessMaxMs: ttlMs,
        inspect: refuseNewerSchema,
        ...SOURCES,
      });
      return {
        read: (username) => databases.read(username, ({ database }) => countNotes(database)),
        write: async (username, edit, retries = 0) => void (await databases.update(username, edit, { retries })),
        create: async (username) =>
          void (await databases.create(username, (database) => createCollection(database, SOURCES))),
        keepHouse: () => {},
        remove: () => rmSync(root, { recursive: true, force: true }),
      };
    },
    close: () => client.destroy(),
  };
}

function openWeekOne(config: Config, machineDirectory: () => string): Design {
  const client = openS3(config);
  return {
    machine: ({ ttlMs = TTL_MS, cacheBytesMax = DEFAULT_CACHE_LIMITS.bytesMax } = {}) => {
      const directory = machineDirectory();
      const databases = new WeekOneDatabases({
        client,
        bucket: BUCKET,
        directory,
        ttlMs,
        clock: systemClock,
        createDatabase: (database) => createCollection(database, SOURCES),
      });
      return {
        read: (username) => databases.withConnection(username, countNotes),
        write: async (username, edit, retries = 0) => {
          for (let conflicts = 0; ; conflicts++) {
            try {
              return await databases.withConnection(username, edit);
            } catch (error) {
              if (!(error instanceof WeekOneConflict) || conflicts === retries) throw error;
            }
            const waitMs = Math.min(BACKOFF_MS * 2 ** conflicts, BACKOFF_MAX_MS);
            await systemClock.sleep(systemRandom.fraction() * waitMs);
          }
        },
        create: (username) => databases.withConnection(username, () => {}),
        keepHouse: () => databases.cleanUp(cacheBytesMax),
        remove: () => rmSync(directory, { recursive: true, force: true }),
      };
    },
    close: () => client.destroy(),
  };
}

function countNotes(database: SqliteDatabase): number {
  return (database.prepare('SELECT count(*) AS n FROM notes').get() as { n: number }).n;
}
