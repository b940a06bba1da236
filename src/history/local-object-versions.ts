import { messageOf } from '../core/failure.ts';
import { keyOf, usernameOf } from '../core/username.ts';
import { type DatabaseStore, listPages } from '../store/database-store.ts';
import type { LocalDatabaseStore } from '../store/local-store.ts';
import type { DeleteFailure, ObjectVersion, ObjectVersions } from './object-versions.ts';

/** The databases of a store without old versions, under the keys that they would have on S3. */
export class DatabaseObjectVersions implements ObjectVersions {
  readonly #store: DatabaseStore;

  constructor(store: DatabaseStore) {
    this.#store = store;
  }

  async *list(prefix: string): AsyncGenerator<readonly ObjectVersion[]> {
    for await (const { databases } of listPages(this.#store)) {
      const found = databases
        .map(({ username, version, sizeBytes, lastModified }): ObjectVersion => {
          const key = keyOf(username);
          return { key, kind: 'object', versionId: undefined, etag: version, sizeBytes, lastModified };
        })
        .filter(({ key }) => key.startsWith(prefix));
      if (found.length > 0) yield found;
    }
  }

  async delete(batch: readonly ObjectVersion[]): Promise<readonly DeleteFailure[]> {
    const failures: DeleteFailure[] = [];
    for (const object of batch) {
      const username = usernameOf(object.key);
      if (username === undefined) continue;
      try {
        const { kind } = await this.#store.delete(username, { ifVersion: object.etag });
        if (kind === 'unknown') failures.push({ object, reason: 'it is not known whether it was deleted' });
        if (kind === 'conflict') failures.push({ object, reason: 'it was changed after it was listed' });
      } catch (error) {
        failures.push({ object, reason: messageOf(error) });
      }
    }
    return failures;
  }
}

/**
 * The databases of the local deployment under the keys that they would have on S3. Its "old versions" are no history
 * but orphans of killed processes. The user's next put would remove them, but a test user never has one.
 */
export class LocalObjectVersions implements ObjectVersions {
  readonly #store: LocalDatabaseStore;
  readonly #databases: DatabaseObjectVersions;

  constructor(store: LocalDatabaseStore) {
    this.#store = store;
    this.#databases = new DatabaseObjectVersions(store);
  }

  async *list(prefix: string, { versions }: { readonly versions: boolean }): AsyncGenerator<readonly ObjectVersion[]> {
    if (!versions) {
      yield* this.#databases.list(prefix);
      return;
    }
    const orphans = this.#store
      .orphans()
      .map(({ username, file, sizeBytes, lastModified }): ObjectVersion => {
        const key = keyOf(username);
        return { key, kind: 'old-version', versionId: file, etag: undefined, sizeBytes, lastModified };
      })
      .filter(({ key }) => key.startsWith(prefix));
    for await (const page of this.#databases.list(prefix)) {
      const last = page.at(-1)?.key ?? '';
      const before = orphans.filter(({ key }) => key <= last);
      orphans.splice(0, orphans.length, ...orphans.filter(({ key }) => key > last));
      yield [...page, ...before].sort(byKey);
    }
    if (orphans.length > 0) yield orphans.sort(byKey);
  }

  async delete(batch: readonly ObjectVersion[]): Promise<readonly DeleteFailure[]> {
    for (const { key, versionId } of batch) {
      const username = usernameOf(key);
      if (username !== undefined && versionId !== undefined) await this.#store.removeOrphan(username, versionId);
    }
    return this.#databases.delete(batch.filter(({ versionId }) => versionId === undefined));
  }
}

// Usernames are ASCII, so comparing code units compares bytes.
function byKey(a: ObjectVersion, b: ObjectVersion): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
