import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { bytesOf, type Content } from '../core/file.ts';
import {
  type DatabaseStore,
  type DeleteOptions,
  type DeleteOutcome,
  databaseIn,
  type GetOptions,
  type GetResult,
  type ListPage,
  type PutOptions,
  type PutOutcome,
  type StoredDatabase,
  type Tombstone,
  type Trace,
} from './database-store.ts';
import type { DeletionKind } from './tombstone.ts';

type Entry =
  | ({ readonly kind: 'database'; readonly bytes: Buffer } & StoredDatabase)
  | ({ readonly kind: 'tombstone' } & Tombstone);

/** The smallest store that keeps every promise of the port, for tests and simulations of one process. */
export class MemoryDatabaseStore implements DatabaseStore {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;
  readonly #deletion: DeletionKind;
  #tombstones = 0;

  /** `deletion`: how it deletes, for tests of tombstones. */
  constructor(clock: Clock, { deletion = 'condition' }: { readonly deletion?: DeletionKind } = {}) {
    this.#clock = clock;
    this.#deletion = deletion;
  }

  async get(username: string, destination: string, options: GetOptions = {}): Promise<GetResult> {
    const entry = this.#entries.get(username);
    if (entry === undefined) return { kind: 'absent' };
    if (entry.kind === 'tombstone') {
      const { kind: _, ...tombstone } = entry;
      return { kind: 'absent', tombstone };
    }
    if (entry.version === options.ifVersionNot) return { kind: 'not-modified', lastModified: entry.lastModified };
    await writeFile(destination, entry.bytes);
    return { kind: 'found', ...described(entry) };
  }

  async head(username: string): Promise<StoredDatabase | undefined> {
    return databaseIn(await this.trace(username));
  }

  async trace(username: string): Promise<Trace> {
    const entry = this.#entries.get(username);
    if (entry === undefined) return { kind: 'nothing' };
    return entry.kind === 'tombstone' ? entry : { kind: 'database', ...described(entry) };
  }

  async put(username: string, source: Content, { condition, writes, digest }: PutOptions): Promise<PutOutcome> {
    const bytes = await bytesOf(source);
    // Nothing awaits from here on: comparing and writing are one step.
    const current = this.#entries.get(username);
    if (condition.kind === 'absent' && current !== undefined) return { kind: 'conflict', reason: 'changed' };
    if (condition.kind === 'version' && current?.version !== condition.version) {
      return { kind: 'conflict', reason: current?.kind === 'database' ? 'changed' : 'deleted' };
    }
    const version = createHash('sha256').update(bytes).digest('hex');
    const lastModified = this.#clock.now();
    const sizeBytes = bytes.length;
    this.#entries.set(username, {
      kind: 'database',
      bytes,
      version,
      writes: [...writes],
      sizeBytes,
      lastModified,
      ...(digest === undefined ? {} : { digest }),
    });
    return { kind: 'committed', version, lastModified };
  }

  async delete(username: string, { ifVersion, writes = [] }: DeleteOptions = {}): Promise<DeleteOutcome> {
    const current = this.#entries.get(username);
    if (current === undefined) return { kind: 'absent' };
    if (ifVersion !== undefined && current.version !== ifVersion) return { kind: 'conflict' };
    if (this.#deletion === 'tombstone' && ifVersion !== undefined) {
      const version = `tombstone-${++this.#tombstones}`;
      const lastModified = this.#clock.now();
      this.#entries.set(username, { kind: 'tombstone', version, writes: [...writes], lastModified, closing: false });
    } else this.#entries.delete(username);
    return { kind: 'deleted' };
  }

  async list(_from?: string, prefix = ''): Promise<ListPage> {
    const databases = [...this.#entries]
      .flatMap(([username, entry]) =>
        entry.kind === 'database' && username.startsWith(prefix) ? [[username, entry] as const] : [],
      )
      .sort(([a], [b]) => byKey(a, b))
      .map(([username, { version, sizeBytes, lastModified }]) => ({ username, version, sizeBytes, lastModified }));
    return { databases, foreignKeys: 0, next: undefined };
  }
}

// Usernames are ASCII, so comparing code units compares bytes. The suffix counts: keys order `a` and `a-b`.
function byKey(a: string, b: string): number {
  const [left, right] = [`${a}.anki2`, `${b}.anki2`];
  return left < right ? -1 : left > right ? 1 : 0;
}

function described({ version, writes, sizeBytes, lastModified, digest }: StoredDatabase): StoredDatabase {
  return { version, writes, sizeBytes, lastModified, ...(digest === undefined ? {} : { digest }) };
}
