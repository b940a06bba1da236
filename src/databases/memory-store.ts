import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
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
} from './store.ts';

interface Entry extends StoredDatabase {
  readonly bytes: Buffer;
}

/** The smallest store that keeps every promise of the port, for tests and simulations of one process. */
export class MemoryDatabaseStore implements DatabaseStore {
  readonly #entries = new Map<string, Entry>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async get(username: string, destination: string, options: GetOptions = {}): Promise<GetResult> {
    const entry = this.#entries.get(username);
    if (entry === undefined) return { kind: 'absent' };
    if (entry.version === options.ifVersionNot) return { kind: 'not-modified', lastModified: entry.lastModified };
    await writeFile(destination, entry.bytes);
    return { kind: 'found', ...described(entry) };
  }

  async head(username: string): Promise<StoredDatabase | undefined> {
    const entry = this.#entries.get(username);
    return entry && described(entry);
  }

  async put(username: string, source: string, { condition, writes }: PutOptions): Promise<PutOutcome> {
    const bytes = await readFile(source);
    // From here to the end nothing awaits: comparing and writing are one step.
    const current = this.#entries.get(username);
    if (condition.kind === 'absent' && current !== undefined) return { kind: 'conflict', reason: 'changed' };
    if (condition.kind === 'version' && current?.version !== condition.version) {
      return { kind: 'conflict', reason: current === undefined ? 'deleted' : 'changed' };
    }
    const version = createHash('sha256').update(bytes).digest('hex');
    const lastModified = this.#clock.now();
    this.#entries.set(username, { bytes, version, writes: [...writes], sizeBytes: bytes.length, lastModified });
    return { kind: 'committed', version, lastModified };
  }

  async delete(username: string, { ifVersion }: DeleteOptions = {}): Promise<DeleteOutcome> {
    const current = this.#entries.get(username);
    if (current === undefined) return { kind: 'absent' };
    if (ifVersion !== undefined && current.version !== ifVersion) return { kind: 'conflict' };
    this.#entries.delete(username);
    return { kind: 'deleted' };
  }

  async list(): Promise<ListPage> {
    const databases = [...this.#entries]
      .sort(([a], [b]) => byKey(a, b))
      .map(([username, { version, sizeBytes, lastModified }]) => ({ username, version, sizeBytes, lastModified }));
    return { databases, foreignKeys: 0, next: undefined };
  }
}

// Usernames are ASCII, so comparing code units compares bytes; the suffix counts, for `a` and `a-b`: keys order them.
function byKey(a: string, b: string): number {
  const [left, right] = [`${a}.anki2`, `${b}.anki2`];
  return left < right ? -1 : left > right ? 1 : 0;
}

function described({ version, writes, sizeBytes, lastModified }: Entry): StoredDatabase {
  return { version, writes, sizeBytes, lastModified };
}
