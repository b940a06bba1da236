import { openS3 } from '../aws/s3-client.ts';
import type { Config } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { S3ObjectVersions } from '../history/s3-object-versions.ts';
import type { DeleteOutcome } from '../store/database-store.ts';
import type { DeletionProbe } from '../store/deletion-probe.ts';
import { S3DatabaseStore, type S3DatabaseStoreOptions } from '../store/s3-store.ts';
import type { DeletionKind } from '../store/tombstone.ts';

// What clean-up asks does the same when it arrives twice, so its retries may be the SDK's.
const CLEANUP_ATTEMPTS = 5;

/** The bucket that the configuration names, as a store and as what clean-up sees. */
export function openS3Store(
  config: Config,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  onExtraRequest: S3DatabaseStoreOptions['onExtraRequest'],
): {
  store: S3DatabaseStore;
  identity: string;
  engine: () => string;
  objects: () => Promise<S3ObjectVersions>;
  tryDeletion: () => Promise<DeletionProbe>;
  removeTombstone: (username: string, olderThan: number) => Promise<DeleteOutcome>;
  close: () => void;
} {
  const bucket = config.bucket.value;
  if (bucket === undefined) throw new JavumboError('internal', 'an S3 store was opened without a bucket');
  const endpoint = config.endpointUrl.value;
  const client = openS3(config);
  let engine = endpoint === undefined ? 'AWS' : 'unknown';
  client.middlewareStack.add(
    (next) => async (request) => {
      const result = await next(request);
      const { headers } = result.response as { headers?: Record<string, string> };
      if (endpoint !== undefined && headers?.server !== undefined) engine = headers.server;
      return result;
    },
    { step: 'deserialize', priority: 'low', name: 'nameOfTheEngine' },
  );
  const clients = [client];
  let objects: S3ObjectVersions | undefined;
  const openObjects = async (): Promise<S3ObjectVersions> => {
    if (objects !== undefined) return objects;
    const retrying = openS3(config, CLEANUP_ATTEMPTS);
    clients.push(retrying);
    objects = new S3ObjectVersions(retrying, { bucket, endpoint, clock });
    return objects;
  };
  const identity = `s3 ${endpoint ?? 'aws'} ${bucket}`;
  const comparing = new S3DatabaseStore(client, { bucket, endpoint });
  const asked = { identity, store: comparing, objects: openObjects, home: config.home.value };
  let kind: Promise<DeletionKind> | undefined;
  const deletionKind = (): Promise<DeletionKind> => {
    kind ??= import('./deletion.ts').then((deletion) => deletion.deletionKind(asked, { clock, random }));
    // A store that could not answer is asked again.
    kind.catch(() => {
      kind = undefined;
    });
    return kind;
  };
  const store = new S3DatabaseStore(client, {
    bucket,
    endpoint,
    onExtraRequest,
    deletion: { kind: deletionKind, random },
  });
  return {
    store,
    identity,
    engine: () => engine,
    objects: openObjects,
    tryDeletion: async () => (await import('./deletion.ts')).askAboutDeletion(asked, { clock, random }),
    removeTombstone: (username, olderThan) => store.removeTombstone(username, olderThan),
    close: () => {
      for (const each of clients) each.destroy();
    },
  };
}
