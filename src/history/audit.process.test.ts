/** Our updates race a program that stores what it has read without a condition, as week 1's prototype does. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { seededRandom } from '../core/random.ts';
import { keyOf } from '../core/username.ts';
import { BUCKET, type CommandDeployment, openOnS3 } from '../testing/command-deployments.ts';
import { keepVersions, loopbackClient } from '../testing/versioned-bucket.ts';

// biome-ignore lint/suspicious/noExplicitAny: JSON of a command.
type Json = any;

/** 500 once; fewer suffice every day. */
const ROUNDS = Number(process.env.JAVUMBO_AUDIT_ROUNDS ?? 12);
const OURS = 6;

let deployment: CommandDeployment;
let client: S3Client;
let directory: string;

beforeAll(async () => {
  deployment = await openOnS3();
  directory = mkdtempSync(join(tmpdir(), 'javumbo-audit-'));
  const endpoint = deployment.server?.endpoint ?? '';
  client = loopbackClient(endpoint);
  await keepVersions(endpoint, BUCKET);
});

afterAll(async () => {
  client.destroy();
  rmSync(directory, { recursive: true, force: true });
  await deployment.close();
});

async function stored(username: string): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: BUCKET, Key: keyOf(username) }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

/** What the other program read, with a row of its own in it. */
function changed(bytes: Buffer, id: number): Buffer {
  const path = join(directory, 'theirs.anki2');
  writeFileSync(path, bytes);
  const database = new Database(path);
  database
    .prepare('INSERT INTO notes VALUES (?, ?, 1, 1, -1, ?, ?, ?, 0, 0, ?)')
    .run(id, `theirs${id}`, '', 'a', 'a', '');
  database.close();
  return readFileSync(path);
}

async function rowsOf(username: string): Promise<Map<number, string>> {
  const { rows } = await deployment.json<Json>('db', 'query', username, 'SELECT id, flds FROM notes');
  return new Map(rows.map(({ id, flds }: Json) => [id, flds]));
}

test(`${ROUNDS} races: every overwritten row is named and no other, and --repair brings each back`, async () => {
  let overwrittenInAll = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const random = seededRandom(round);
    const username = `user${round}`;
    await deployment.json('db', 'create', username);
    const last = new Map<number, string>();
    let read = await stored(username);
    let theirs = 0;
    for (let step = 0; step < 9; step++) {
      if (random.fraction() < 0.6) {
        const id = 1 + Math.floor(random.fraction() * OURS);
        const text = `round ${round} step ${step}`;
        await deployment.json(
          ...['db', 'exec', username],
          'INSERT INTO notes VALUES (?, ?, 1, 1, -1, ?, ?, ?, 0, 0, ?) ON CONFLICT (id) DO UPDATE SET flds = excluded.flds',
          ...[String(id), `ours${id}`, '', text, 'a', ''],
        );
        last.set(id, text);
      } else if (random.fraction() < 0.5) read = await stored(username);
      else {
        theirs += 1;
        const Body = changed(read, 1000 + theirs);
        await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: keyOf(username), Body }));
        // It goes on with its own copy.
        read = Body;
      }
    }
    const before = await rowsOf(username);
    const lost = [...last].filter(([id, text]) => before.get(id) !== text);
    const audited = await deployment.run(['db', 'audit', username, '--json']);
    const [found = { overwritten: [], ambiguous: [] }] = audited.json<Json>().users;
    const count = (updates: Json[]): number => updates.reduce((sum, { rows }) => sum + (rows.notes ?? 0), 0);
    expect({ round, count: count(found.overwritten), code: audited.code }).toEqual({
      round,
      count: lost.length,
      code: lost.length + found.ambiguous.length > 0 ? 7 : 0,
    });
    overwrittenInAll += lost.length;
    await deployment.run(['db', 'audit', username, '--repair']);
    const after = await rowsOf(username);
    for (const [id, text] of last) expect({ round, id, text: after.get(id) }).toEqual({ round, id, text });
    for (const [id, text] of before) if (id >= 1000) expect(after.get(id)).toBe(text);
  }
  expect(overwrittenInAll).toBeGreaterThan(ROUNDS / 4);
});

test('of all users only those are named of whom something is lost, and one who cannot be audited does not stop the others', async () => {
  const other = await openOnS3();
  const endpoint = other.server?.endpoint ?? '';
  const s3 = loopbackClient(endpoint);
  const put = (username: string, Body: Buffer | string) =>
    s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: keyOf(username), Body }));
  // Its only version is from before the bucket kept any.
  await other.json('db', 'create', 'early');
  await keepVersions(endpoint, BUCKET);
  for (const username of ['alice', 'sound']) await other.json('db', 'create', username);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key: keyOf('alice') }));
  const before = Buffer.from((await Body?.transformToByteArray()) ?? []);
  for (const username of ['alice', 'sound']) {
    await other.json('db', 'add-note', username, '--field', 'front', '--field', 'back');
  }
  await put('alice', changed(before, 1));
  const audited = await other.run(['db', 'audit', '--all', '--json']);
  const { users, failed } = audited.json<Json>();
  expect({ code: audited.code, users: users.map(({ username }: Json) => username) }).toEqual({
    code: 7,
    users: ['alice'],
  });
  expect(failed.map(({ username }: Json) => username)).toEqual(['early']);
  s3.destroy();
  await other.close();
});

test('what the collection itself would do is not done by a repair', async () => {
  const username = 'triggered';
  await deployment.json('db', 'create', username);
  await deployment.json('db', 'exec', username, 'CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM cards; END');
  const before = await stored(username);
  await deployment.json('db', 'add-note', username, '--field', 'front', '--field', 'back').catch(() => {});
  await deployment.json(
    ...['db', 'exec', username],
    "INSERT INTO notes VALUES (5, 'g', 1, 1, -1, '', 'ours', 'a', 0, 0, '')",
  );
  const path = join(directory, 'plain.anki2');
  writeFileSync(path, before);
  const database = new Database(path);
  database.exec('UPDATE col SET mod = mod + 1');
  database.close();
  await client.send(new PutObjectCommand({ Bucket: BUCKET, Key: keyOf(username), Body: readFileSync(path) }));
  const repaired = await deployment.run(['db', 'audit', username, '--repair']);
  expect({ code: repaired.code, stderr: repaired.stderr }).toEqual({
    code: 7,
    stderr: expect.stringContaining('trigger'),
  });
});

test('a bucket without versions shows nothing, and says so', async () => {
  const other = await openOnS3();
  await other.json('db', 'create', 'alice');
  const result = await other.run(['db', 'audit', 'alice']);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain('the bucket keeps no versions');
  expect((await other.run(['db', 'audit'])).code).toBe(2);
  await other.close();
});
