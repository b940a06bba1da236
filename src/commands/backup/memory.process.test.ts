/** A backup takes time and disk for a large database, but no memory: files move as streams, and SQLite reads pages. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newCollectionFile } from '../../testing/backup-rig.ts';
import { runScript, SCRIPTS } from '../../testing/child-process.ts';
import { freshMachine, runCommand, temporaryDirectory } from '../../testing/run-command.ts';
import { type S3Server, startS3Server } from '../../testing/s3-server/server.ts';

// As in large-file.process.test.ts.
const LARGE_BYTES = 70_000_000;
const ALLOWED_BYTES = 70_000_000;

let server: S3Server;
let directory: string;

beforeAll(async () => {
  server = await startS3Server({ buckets: ['small', 'large', 'empty-small', 'empty-large'] });
  directory = temporaryDirectory();
});

afterAll(() => server.close());

const environment = (bucket: string): Record<string, string> => ({
  ...freshMachine(),
  S3_BUCKET: bucket,
  AWS_ENDPOINT_URL_S3: server.endpoint,
  AWS_ACCESS_KEY_ID: 'key',
  AWS_SECRET_ACCESS_KEY: 'secret',
});

test('of 70 MB peaks at most 70 MB above that of 53 KB, and so do verify and restore', async () => {
  const file = join(directory, 'collection.anki2');
  await newCollectionFile(file);
  const store = async (bucket: string): Promise<void> => {
    const { code, stderr } = await runCommand(['db', 'create', 'alice', '--from', file], { env: environment(bucket) });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  };
  await store('small');
  const database = new Database(file);
  database.exec('CREATE TABLE attachment (x BLOB)');
  const rows = LARGE_BYTES / 1_000;
  database
    .prepare(
      'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO attachment SELECT randomblob(1000) FROM n',
    )
    .run(rows);
  database.close();
  await store('large');
  const peak = async (size: string, argv: readonly string[], bucket = size): Promise<number> => {
    const folder = join(directory, size);
    const { code, stdout, stderr } = await runScript(
      SCRIPTS.measuredCommand,
      ['backup', argv[0] ?? '', folder, ...argv.slice(1), '--quiet'],
      environment(bucket),
    );
    expect({ argv, code, stdout: /^\d+$/.test(stdout) }, stderr).toEqual({ argv, code: 0, stdout: true });
    return Number(stdout);
  };
  for (const argv of [['create', '--without-accounts'], ['verify'], ['restore']]) {
    const [small, large] = [
      await peak('small', argv, argv[0] === 'restore' ? 'empty-small' : 'small'),
      await peak('large', argv, argv[0] === 'restore' ? 'empty-large' : 'large'),
    ];
    expect(small, argv[0]).toBeGreaterThan(10_000_000);
    expect(large - small, argv[0]).toBeLessThanOrEqual(ALLOWED_BYTES);
  }
});
