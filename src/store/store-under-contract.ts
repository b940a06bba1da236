import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type DatabaseStore, listPages, type PutOutcome, type Version } from './database-store.ts';

/** A store with nothing in it, made for one test. */
export interface StoreUnderTest {
  readonly store: DatabaseStore;
  /** Another connection to the same databases, as another process would open it. */
  otherHandle(): DatabaseStore;
  /** Stores a small database for each user by a way that is cheaper than puts, where there is one. */
  fill?(usernames: readonly string[]): Promise<void> | void;
  cleanup(): Promise<void> | void;
}

/** Where engines may differ. The defaults are what S3 does. */
export interface StoreTraits {
  /** How a put over a version fails where nothing is stored. Ceph answers `If-Match` there as it does a mismatch. */
  readonly overNothing?: 'deleted' | 'either';
  /** True: the loser of a race may be told nothing, without retries above that settle it. Ceph answers some with 500. */
  readonly racesMayEndUnknown?: boolean;
  /** False: a delete may take no notice of `ifVersion`, as on Ceph. */
  readonly comparesOnDelete?: boolean;
  /** True: a put without a write id is a defect of the caller, since a lost reply could not be settled. */
  readonly needsWriteIds?: boolean;
  /** True: lists some thousands of databases too, where it is cheap to have them. */
  readonly longLists?: boolean;
}

/** What the clauses are sworn on: the store, another handle, and files to put and to get. */
export class Contract {
  readonly traits: StoreTraits;
  readonly store: DatabaseStore;
  readonly other: DatabaseStore;
  readonly #subject: StoreUnderTest;
  readonly #directory: string;
  #files = 0;
  #writes = 1_000_000;

  constructor(subject: StoreUnderTest, traits: StoreTraits) {
    this.#subject = subject;
    this.traits = traits;
    this.store = subject.store;
    this.other = subject.otherHandle();
    this.#directory = mkdtempSync(join(tmpdir(), 'javumbo-contract-'));
  }

  get overNothing(): string[] {
    return this.traits.overNothing === 'either' ? ['deleted', 'changed'] : ['deleted'];
  }

  newPath(): string {
    return join(this.#directory, `file-${this.#files++}`);
  }

  file(content: string | Uint8Array): string {
    const path = this.newPath();
    writeFileSync(path, content);
    return path;
  }

  newWriteId(): string {
    return writeId(this.#writes++);
  }

  /** Over `base`, or as a new database. */
  put(
    username: string,
    content: string | Uint8Array,
    base: Version | undefined,
    store = this.store,
    writes: readonly string[] = [writeId(this.#writes++), base ?? 'new'],
  ): Promise<PutOutcome> {
    const condition = base === undefined ? { kind: 'absent' as const } : { kind: 'version' as const, version: base };
    return store.put(username, this.file(content), { condition, writes });
  }

  async create(username: string, content: string): Promise<Version> {
    return committed(await this.put(username, content, undefined));
  }

  async update(username: string, content: string, base: Version, store = this.store): Promise<Version> {
    return committed(await this.put(username, content, base, store));
  }

  /** Both handles agree on what is stored. */
  async holds(username: string, expected: { readonly version: Version; readonly content: string }): Promise<void> {
    for (const store of [this.store, this.other]) {
      const path = this.newPath();
      const sizeBytes = Buffer.byteLength(expected.content);
      const found = await store.get(username, path);
      expect(found).toMatchObject({ kind: 'found', version: expected.version, sizeBytes });
      expect(readFileSync(path, 'utf8') === expected.content, 'the stored bytes').toBe(true);
      expect(await store.head(username)).toMatchObject({ version: expected.version, sizeBytes });
    }
  }

  async fill(usernames: readonly string[]): Promise<void> {
    if (this.#subject.fill !== undefined) return this.#subject.fill(usernames);
    const source = this.file('one of many');
    for (const username of usernames) {
      await this.store.put(username, source, { condition: { kind: 'absent' }, writes: [writeId(this.#writes++)] });
    }
  }

  async listed(store = this.store, prefix = ''): Promise<string[]> {
    const usernames: string[] = [];
    for await (const page of listPages(store, prefix))
      usernames.push(...page.databases.map(({ username }) => username));
    return usernames;
  }

  async end(): Promise<void> {
    rmSync(this.#directory, { recursive: true, force: true });
    await this.#subject.cleanup();
  }
}

export function committed(outcome: PutOutcome): Version {
  if (outcome.kind !== 'committed') expect.fail(`the put ended as ${JSON.stringify(outcome)}`);
  return outcome.version;
}

export function writeId(number: number): string {
  return number.toString(16).padStart(32, '0');
}
