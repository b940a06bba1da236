import { keyOf, usernameOf } from '../core/username.ts';
import type { LocalDatabaseStore } from '../store/local-store.ts';
import { DatabaseObjectVersions } from './database-object-versions.ts';
import type { DeleteFailure, ObjectVersion, ObjectVersions } from './object-versions.ts';

/**
 * The databases of the local deployment under the keys that they would have on S3. What lies beneath them is no history:
 * files that a killed process has left, which no database names. The next put of the same user would remove them, and a
 * test user never has a next one.
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
      if (username !== undefined && versionId !== undefined) this.#store.removeOrphan(username, versionId);
    }
    return this.#databases.delete(batch.filter(({ versionId }) => versionId === undefined));
  }
}

// Usernames are ASCII, so comparing code units compares bytes.
function byKey(a: ObjectVersion, b: ObjectVersion): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
