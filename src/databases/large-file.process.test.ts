/** A large database costs time and disk, but no memory: files move as streams, and SQLite reads pages. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';

const LARGE_BYTES = 70_000_000;
const ALLOWED_BYTES = 70_000_000;

let directory: string;
let server: S3Server;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-large-'));
  server = await startS3Server({ buckets: ['b'] });
  makeDatabase('small.anki2', 10);
  makeDatabase('large.anki2', 70_000);
});

afterAll(async () => {
  await server.close();
  rmSync(directory, { recursive: true, force: true });
});

function makeDatabase(name: string, rows: number): void {
  const database = new Database(join(directory, name));
  database.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB)');
  database
    .prepare(
      'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO t SELECT i, randomblob(1000) FROM n',
    )
    .run(rows);
  database.close();
}

const COMMANDS = [
  { name: 'created', argv: (size: string) => ['db', 'create', size, '--from', join(directory, `${size}.anki2`)] },
  { name: 'queried', argv: (size: string) => ['db', 'query', size, 'SELECT sum(length(x)) FROM t'] },
  { name: 'changed', argv: (size: string) => ['db', 'exec', size, 'UPDATE t SET x = randomblob(1000) WHERE id = 5'] },
  { name: 'pulled', argv: (size: string) => ['db', 'pull', size, '--out', join(directory, 'pulled.anki2')] },
  { name: 'emptied from the cache', argv: () => ['cache', 'clear'] },
  { name: 'queried cold', argv: (size: string) => ['db', 'query', size, 'SELECT count(*) FROM t'] },
] as const;

test.each(['local', 's3'] as const)(
  '70 MB on %s: each command peaks at most 70 MB above the same on 24 KB',
  async (kind) => {
    expect(statSync(join(directory, 'large.anki2')).size).toBeGreaterThanOrEqual(LARGE_BYTES);
    const environment = {
      HOME: directory,
      JAVUMBO_HOME: join(directory, 'home'),
      JAVUMBO_CACHE_DIR: join(directory, 'cache'),
      ...(kind === 'local'
        ? {}
        : {
            S3_BUCKET: 'b',
            AWS_ENDPOINT_URL_S3: server.endpoint,
            AWS_ACCESS_KEY_ID: 'key',
            AWS_SECRET_ACCESS_KEY: 'secret',
          }),
    };
    const peak = async (argv: readonly string[]): Promise<number> => {
      const { code, stdout, stderr } = await runScript(SCRIPTS.measuredCommand, [...argv, '--quiet'], environment);
      expect({ argv, code, stderr }).toEqual({ argv, code: 0, stderr: expect.stringMatching(/^(warning: .*\n)?$/) });
      return Number(stdout);
    };
    for (const { name, argv } of COMMANDS) {
      const small = await peak(argv('small'));
      const large = await peak(argv('large'));
      expect(small, name).toBeGreaterThan(10_000_000);
      expect(large - small, name).toBeLessThanOrEqual(ALLOWED_BYTES);
    }
  },
);
