import { S3Client } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../core/file.ts';
import { keyOf } from '../core/username.ts';
import { CEPH_16, type S3Server, type S3ServerOptions, startS3Server } from '../testing/s3-server/server.ts';
import { create, put, retrying } from '../testing/stores.ts';
import { CountingDatabaseStore } from './counting-store.ts';
import type { DatabaseStore } from './database-store.ts';
import { S3DatabaseStore } from './s3-store.ts';
import { describeDatabaseStore } from './store-contract.ts';
import type { StoreTraits, StoreUnderTest } from './store-under-contract.ts';

const BUCKET = 'bucket';

interface Engine {
  readonly server: S3ServerOptions;
  /** As AWS itself, or as an engine at an endpoint of its own. */
  readonly as: 'aws' | 'endpoint';
  readonly ceph?: boolean;
}

const ENGINES: Readonly<Record<string, Engine>> = {
  's3, as AWS': { server: { ifMatchForm: 'quoted' }, as: 'aws' },
  's3 at an engine that takes both forms of If-Match': { server: {}, as: 'endpoint' },
  's3 at an engine that takes only the quoted form': { server: { ifMatchForm: 'quoted' }, as: 'endpoint' },
  's3 at an engine that takes only the unquoted form': { server: { ifMatchForm: 'unquoted' }, as: 'endpoint' },
  's3 at Ceph 16': { server: CEPH_16, as: 'endpoint', ceph: true },
};

function traitsOf({ as, ceph }: Engine): StoreTraits {
  const differing = ceph === true ? ({ overNothing: 'either', comparesOnDelete: false } as const) : {};
  // Lists are the same where only the form of If-Match differs.
  return { longLists: as === 'aws' || ceph === true, ...differing };
}

for (const [name, engine] of Object.entries(ENGINES)) {
  describeDatabaseStore(name, () => overS3(engine, (store) => store), traitsOf(engine));
}

for (const name of ['s3, as AWS', 's3 at Ceph 16'] as const) {
  const engine = ENGINES[name] as Engine;
  describeDatabaseStore(
    `retrying(counting(${name}))`,
    () => overS3(engine, (store) => retrying(new CountingDatabaseStore(store))),
    { ...traitsOf(engine), longLists: false, needsWriteIds: true },
  );
}

describe('the S3 store', () => {
  for (const name of ['s3, as AWS', 's3 at Ceph 16'] as const) {
    test(`lets the engine refuse bytes that do not fit the digest it was given: ${name}`, async () => {
      const subject = await overS3(ENGINES[name] as Engine, (store) => store);
      try {
        const { store, server } = subject;
        const algorithm = store.bodyDigest ?? 'sha256';
        const hex = (await digestOf(Buffer.from('other bytes'), algorithm)).toString('hex');
        const options = { condition: { kind: 'absent' }, writes: ['one'], body: { algorithm, hex } } as const;
        await expect(store.put('alice', Buffer.from('bytes'), options)).rejects.toMatchObject({ kind: 'unavailable' });
        expect(server.object(BUCKET, keyOf('alice'))).toBeUndefined();
      } finally {
        await subject.cleanup();
      }
    });
  }

  for (const [name, engine] of Object.entries(ENGINES)) {
    test(`a handle that never wrote deletes the version that it names: ${name}`, async () => {
      const subject = await overS3(engine, (store) => store);
      try {
        const version = await create(subject.store, 'alice', 'one');
        expect(await subject.otherHandle().delete('alice', { ifVersion: version })).toEqual({ kind: 'deleted' });
      } finally {
        await subject.cleanup();
      }
    });
  }

  test('keys that name no user are counted and not listed', async () => {
    const subject = await overS3(ENGINES['s3, as AWS'] as Engine, (store) => store);
    try {
      const foreign = [
        '',
        'alice',
        'alice.anki21',
        'alice.sqlite',
        '.anki2',
        '.hidden.anki2',
        'a/b.anki2',
        'a b.anki2',
        'ä.anki2',
      ];
      for (const name of foreign) subject.server.putObject(BUCKET, `user_dbs/${name}`, 'somebody else’s');
      subject.server.putObject(BUCKET, 'elsewhere/bob.anki2', 'not even looked at');
      await create(subject.store, 'alice', 'one');
      const page = await subject.store.list();
      expect(page).toMatchObject({ databases: [{ username: 'alice' }], foreignKeys: foreign.length, next: undefined });
    } finally {
      await subject.cleanup();
    }
  });

  const checksums = [
    { name: 'as AWS: a CRC32 of the bytes', as: 'aws', checksums: 'all', crc32: 'emyG8Q==' },
    {
      name: 'at an engine: none that it would have to know, and no trailer',
      as: 'endpoint',
      checksums: 'no-trailers',
      crc32: null,
    },
  ] as const;
  for (const { name, as, checksums: supported, crc32 } of checksums) {
    test(`a put carries a checksum in a header, ${name}`, async () => {
      const subject = await overS3({ server: { checksums: supported }, as }, (store) => store);
      try {
        await create(subject.store, 'alice', 'one');
        const stored = await fetch(`${subject.server.endpoint}/${BUCKET}/${keyOf('alice')}`, {
          headers: { 'x-amz-checksum-mode': 'ENABLED' },
        });
        expect(stored.headers.get('x-amz-checksum-crc32')).toBe(crc32);
        expect(await stored.text()).toBe('one');
      } finally {
        await subject.cleanup();
      }
    });
  }

  test('the object of another program has no write ids, and is replaced like any other', async () => {
    const subject = await overS3(ENGINES['s3, as AWS'] as Engine, (store) => store);
    try {
      subject.server.putObject(BUCKET, keyOf('alice'), 'by another program', { note: 'unrelated' });
      const found = await subject.store.head('alice');
      expect(found).toMatchObject({ writes: [], sizeBytes: 18 });
      const outcome = await put(subject.store, 'alice', 'by us', found?.version);
      expect(outcome.kind).toBe('committed');
      expect(subject.server.object(BUCKET, keyOf('alice'))?.body.toString()).toBe('by us');
    } finally {
      await subject.cleanup();
    }
  });
});

/** A loopback server, and a store of its bucket with a client of its own for each handle. */
async function overS3(
  { server: options, as }: Engine,
  wrap: (store: DatabaseStore) => DatabaseStore,
): Promise<StoreUnderTest & { readonly server: S3Server }> {
  const server = await startS3Server({ buckets: [BUCKET], ...options });
  const clients: S3Client[] = [];
  const handle = (): DatabaseStore => {
    const client = s3Client(server, as);
    clients.push(client);
    return wrap(new S3DatabaseStore(client, { bucket: BUCKET, endpoint: as === 'aws' ? undefined : server.endpoint }));
  };
  return {
    server,
    store: handle(),
    otherHandle: handle,
    fill: (usernames) => {
      for (const username of usernames) server.putObject(BUCKET, keyOf(username), username);
    },
    cleanup: async () => {
      for (const client of clients) client.destroy();
      await server.close();
    },
  };
}

function s3Client(server: S3Server, as: Engine['as']): S3Client {
  return new S3Client({
    endpoint: server.endpoint,
    forcePathStyle: true,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'secret' },
    maxAttempts: 1,
    expectContinueHeader: false,
    ...(as === 'aws'
      ? {}
      : { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' }),
    // The SDK warns on the console of every put that is refused; these are refused on purpose.
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
  });
}
