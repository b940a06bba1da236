/** Where a store takes no batch of deletions, each is sent alone: on AWS with the ETag that was listed. */
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';
import { listAll } from './object-versions.ts';
import { S3ObjectVersions } from './s3-object-versions.ts';

const BUCKET = 'bucket';
const KEYS = ['user_dbs/a.anki2', 'user_dbs/b.anki2', 'user_dbs/c.anki2'];

let server: S3Server;
let client: S3Client;

beforeEach(async () => {
  server = await startS3Server({ buckets: [BUCKET] });
  client = new S3Client({
    endpoint: server.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
    maxAttempts: 1,
  });
  for (const key of KEYS) server.putObject(BUCKET, key, `first ${key}`);
  server.inject({
    operation: 'DeleteObjects',
    fault: 'refuse-before',
    status: 501,
    code: 'NotImplemented',
    times: 100,
  });
});

afterEach(async () => {
  client.destroy();
  await server.close();
});

/** What a clean-up does: lists, and deletes what it listed, between which others write. */
async function listAndDelete(endpoint: string | undefined, meanwhile: () => void) {
  const objects = new S3ObjectVersions(client, { bucket: BUCKET, endpoint, clock: systemClock });
  const listed = await listAll(objects, 'user_dbs/', false);
  meanwhile();
  return objects.delete(listed);
}

describe('single deletions', () => {
  test('all that was listed goes', async () => {
    expect(await listAndDelete(undefined, () => {})).toEqual([]);
    expect(server.keys(BUCKET)).toEqual([]);
    expect(server.counts.operations.DeleteObject).toBe(KEYS.length);
  });

  test('what was written over since stays on AWS, and is named', async () => {
    const failures = await listAndDelete(undefined, () => void server.putObject(BUCKET, KEYS[1] ?? '', 'second'));
    expect(failures.map(({ object, reason }) => [object.key, reason])).toEqual([
      [KEYS[1], 'it was changed after it was listed'],
    ]);
    expect(server.keys(BUCKET)).toEqual([KEYS[1]]);
    expect(server.object(BUCKET, KEYS[1] ?? '')?.body.toString()).toBe('second');
  });

  test('what is gone since is no failure', async () => {
    expect(await listAndDelete(undefined, () => server.deleteObject(BUCKET, KEYS[2] ?? ''))).toEqual([]);
    expect(server.keys(BUCKET)).toEqual([]);
  });

  test('other engines are sent no ETag, for some refuse it and others ignore it', async () => {
    expect(await listAndDelete(server.endpoint, () => void server.putObject(BUCKET, KEYS[1] ?? '', 'second'))).toEqual(
      [],
    );
    expect(server.keys(BUCKET)).toEqual([]);
  });
});
