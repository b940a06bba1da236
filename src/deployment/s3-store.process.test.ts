import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { UsageMeter } from '../core/usage.ts';
import type { SqliteDatabase } from '../sqlite/engine.ts';
import { BUCKET, change, cleanUps, deployed, kindOf, makeRig, overtaken, seenBy } from '../testing/request-rig.ts';
import { startS3Server } from '../testing/s3-server/server.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  vi.unstubAllEnvs();
});

describe('the client of a deployment', () => {
  test('puts of 3 MB go over one connection that is kept, and none asks before it sends', async () => {
    const rig = await makeRig({ asEndpoint: true });
    const fill = (database: SqliteDatabase): unknown =>
      database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (randomblob(3000000))');
    await rig.databases.create('alice', fill);
    for (let index = 0; index < 4; index++) {
      expect(await rig.update((database) => database.exec('UPDATE t SET x = randomblob(3000000)'))).toBe('committed');
    }
    const { counts, log } = rig.server;
    expect(log.map(({ operation }) => operation)).toEqual(Array(5).fill('PutObject'));
    expect(log.filter(({ bytesUp }) => bytesUp < 3_000_000)).toEqual([]);
    expect(log.filter(({ expectContinue }) => expectContinue)).toEqual([]);
    expect(counts.connections).toBe(1);
    expect(rig.counts()).toEqual(seenBy(rig.server));
  });

  test('a hundred puts share one connection, and a hundred that are refused share it too', async () => {
    const server = await startS3Server({ buckets: [BUCKET] });
    cleanUps.push(() => server.close());
    const store = await deployed(server, new UsageMeter());
    const source = join(temporaryDirectory(), 'source');
    writeFileSync(source, 'small, so that the reply comes as early as it can');
    const put = (username: string) => store.put(username, source, { condition: { kind: 'absent' }, writes: ['a'] });
    for (let index = 0; index < 100; index++) expect((await put(`user-${index}`)).kind).toBe('committed');
    for (let index = 0; index < 100; index++) expect((await put(`user-${index}`)).kind).toBe('conflict');
    expect(server.counts).toMatchObject({ requests: 200, connections: 1 });
  });

  test('reads, writes and refused writes share the connection too', async () => {
    const rig = await makeRig({ asEndpoint: true, stalenessMs: 0 });
    await overtaken(rig);
    rig.server.resetCounts();
    expect(await rig.update().catch(kindOf)).toBe('conflict');
    expect(await rig.read()).toBe(2);
    expect(await rig.read()).toBe(2);
    expect(await rig.update()).toBe('committed');
    expect(rig.server.counts).toMatchObject({ requests: 6, connections: 0 });
  });

  test('what a store refuses is not talked about on the console', async () => {
    const said = (['debug', 'info', 'log', 'warn', 'error'] as const).map((method) =>
      vi.spyOn(console, method).mockImplementation(() => {}),
    );
    try {
      const rig = await makeRig({ asEndpoint: true });
      await overtaken(rig);
      expect(await rig.update(change).catch(kindOf)).toBe('conflict');
      expect(said.flatMap((spy) => spy.mock.calls)).toEqual([]);
    } finally {
      for (const spy of said) spy.mockRestore();
    }
  });
});
