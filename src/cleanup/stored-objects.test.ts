import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemRandom } from '../core/random.ts';
import { keyOf } from '../core/username.ts';
import { LocalObjectVersions } from '../history/local-object-versions.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { LocalDatabaseStore } from '../store/local-store.ts';
import { create, put } from '../testing/stores.ts';
import { ManualClock } from '../testing/workbench.ts';
import { objectsUnder } from './stored-objects.ts';

// More than a call may have arguments.
const MANY = 130_000;
const HOUR_MS = 3_600_000;

const root = mkdtempSync(join(tmpdir(), 'javumbo-many-'));
const clock = new ManualClock();
const store = new LocalDatabaseStore(root, { clock, random: systemRandom, sqlite: betterSqlite });

// Alice has so many earlier versions, of 60 days ago. Their files are gone.
beforeAll(async () => {
  await create(store, 'alice', 'one');
  const index = betterSqlite.open(join(root, 'index.sqlite'), 'read-write');
  index.exec(
    `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY})
     INSERT INTO history (id, username, file, version, writes, size_bytes, last_modified)
     SELECT -i, 'alice', 'file-' || i, 'version-' || i, '', 10, ${clock.now() - 60 * 24 * HOUR_MS} - i FROM n`,
  );
  index.close();
});

afterAll(() => {
  store.close();
  rmSync(root, { recursive: true, force: true });
});

describe('of a user with more versions than a call has arguments', () => {
  test('all are listed, and then the next commit forgets those that are outdated', async () => {
    const listed = await objectsUnder(new LocalObjectVersions(store), [keyOf('alice')], true);
    expect(listed).toHaveLength(MANY + 1);
    clock.advance(HOUR_MS);
    expect(await put(store, 'alice', 'two', (await store.head('alice'))?.version)).toMatchObject({ kind: 'committed' });
    // The newest ten are kept, however old they are.
    expect(store.files.points('alice')).toHaveLength(10);
  });
});
