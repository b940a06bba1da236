import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { JavumboError } from '../core/failure.ts';
import { bytesOf, type Content } from '../core/file.ts';
import type { RetriesOptions } from '../core/retry.ts';
import type {
  DatabaseStore,
  DeleteOptions,
  DeleteOutcome,
  GetOptions,
  GetResult,
  ListPage,
  PutOptions,
  PutOutcome,
  StoredDatabase,
  Trace,
} from '../store/database-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';

/** The wrong clients that `--sabotage` puts among the others, and what each does. */
export const SABOTAGES = {
  'blind-overwrite': 'puts over whatever is there, without comparing it with what the change was made to',
  'retry-without-a-look': 'sends a put again after a lost reply, and believes the refusal of the second copy',
  'dirty-cache': 'reads from its cache what the store did not accept',
} as const;

export type SabotageName = keyof typeof SABOTAGES;

export function isSabotage(name: string): name is SabotageName {
  return Object.hasOwn(SABOTAGES, name);
}

/** Returns the store as a wrong client sees it. `network`: below all retries. */
export function sabotaged(name: SabotageName, network: DatabaseStore, options: RetriesOptions): DatabaseStore {
  const sound = new RetryingDatabaseStore(network, options);
  switch (name) {
    case 'blind-overwrite':
      return overwriting(sound);
    case 'retry-without-a-look':
      return believingRefusals(network, options);
    case 'dirty-cache':
      return new DirtyCache(sound);
  }
}

export type PutRequest = [username: string, source: Content, options: PutOptions];

/** A store with another `put`. */
export class WithPut implements DatabaseStore {
  readonly #inner: DatabaseStore;
  readonly #put: (request: PutRequest) => Promise<PutOutcome>;

  constructor(inner: DatabaseStore, put: (request: PutRequest) => Promise<PutOutcome>) {
    this.#inner = inner;
    this.#put = put;
  }

  put(...request: PutRequest): Promise<PutOutcome> {
    return this.#put(request);
  }

  get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    return this.#inner.get(username, destination, options);
  }

  head(username: string): Promise<StoredDatabase | undefined> {
    return this.#inner.head(username);
  }

  trace(username: string): Promise<Trace> {
    return this.#inner.trace(username);
  }

  delete(username: string, options?: DeleteOptions): Promise<DeleteOutcome> {
    return this.#inner.delete(username, options);
  }

  list(from?: string, prefix?: string): Promise<ListPage> {
    return this.#inner.list(from, prefix);
  }
}

/** A put over whatever is there, as before `If-Match`. */
export function overwriting(inner: DatabaseStore): DatabaseStore {
  return new WithPut(inner, async ([username, source, { writes, digest }]) => {
    const version = (await inner.head(username))?.version;
    return inner.put(username, source, {
      condition: version === undefined ? { kind: 'absent' } : { kind: 'version', version },
      writes,
      digest,
    });
  });
}

/** A client that sends a put again without a look, and believes the refusal of the second copy. */
export function believingRefusals(network: DatabaseStore, options: RetriesOptions): DatabaseStore {
  return sending(network, options, async (request) => {
    const outcome = await putOrNothing(network, request);
    return outcome === undefined || outcome.kind === 'unknown' ? 'again' : believed(outcome);
  });
}

/** A client that sends puts again by itself, and whose other requests are sound. */
function sending(
  network: DatabaseStore,
  options: RetriesOptions,
  put: (request: PutRequest) => Promise<PutOutcome | 'again'>,
): DatabaseStore {
  return new WithPut(new RetryingDatabaseStore(network, options), async (request) => {
    const attemptsMax = options.policy?.attemptsMax ?? 1;
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const outcome = await put(request);
      if (outcome !== 'again') return outcome;
      await options.clock.sleep(20);
    }
    throw new JavumboError('unavailable', 'no answer', { retryable: true });
  });
}

/** Undefined if the store was too busy. */
export async function putOrNothing(network: DatabaseStore, request: PutRequest): Promise<PutOutcome | undefined> {
  try {
    return await network.put(...request);
  } catch (error) {
    if (error instanceof JavumboError && error.retryable) return undefined;
    throw error;
  }
}

/** Claims that someone looked. */
export function believed(outcome: PutOutcome): PutOutcome {
  if (outcome.kind !== 'conflict') return outcome;
  return { ...outcome, seen: { kind: 'database', version: 'another', writes: [], sizeBytes: 1, lastModified: 0 } };
}

export function versionOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

interface Unaccepted {
  readonly username: string;
  readonly bytes: Buffer;
  readonly options: PutOptions;
}

/** Once shows its machine bytes that the store did not accept. */
export class DirtyCache extends WithPut {
  #dirty: Unaccepted | undefined;

  constructor(sound: DatabaseStore) {
    super(sound, async (request) => {
      const [username, source, options] = request;
      this.#dirty = { username, bytes: await bytesOf(source), options };
      const outcome = await sound.put(...request);
      if (outcome.kind === 'committed') this.#dirty = undefined;
      return outcome;
    });
  }

  override async get(username: string, destination: string, options?: GetOptions): Promise<GetResult> {
    const dirty = this.#dirty;
    if (dirty?.username !== username) return super.get(username, destination, options);
    this.#dirty = undefined;
    await writeFile(destination, dirty.bytes);
    const { writes, digest } = dirty.options;
    const stored = { version: versionOf(dirty.bytes), writes, sizeBytes: dirty.bytes.length, lastModified: 0, digest };
    return { kind: 'found', ...stored };
  }
}
