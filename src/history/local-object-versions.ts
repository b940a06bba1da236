import { messageOf } from '../core/failure.ts';
import { keyOf, USER_DATABASES_PREFIX, usernameOf } from '../core/username.ts';
import { type DatabaseStore, listPages } from '../store/database-store.ts';
import type { UsernameRange } from '../store/local-files.ts';
import type { LocalDatabaseStore } from '../store/local-store.ts';
import type { DeleteFailure, ObjectVersion, ObjectVersions } from './object-versions.ts';

/** The databases of a store without old versions, under the keys that they would have on S3. */
export class DatabaseObjectVersions implements ObjectVersions {
  readonly #store: DatabaseStore;

  constructor(store: DatabaseStore) {
    this.#store = store;
  }

  async *list(prefix: string): AsyncGenerator<readonly ObjectVersion[]> {
    for await (const { databases } of listPages(this.#store, usernameStart(prefix))) {
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
 * The databases of the local deployment with their history, under the keys that they would have on S3. An old version's id
 * is the number of its commit, or the name of a file that nothing refers to.
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
    const { files } = this.#store;
    // First what is asked for by its whole key: who has found it there does not wait for a look at all folders.
    const asked = usernameOf(prefix);
    const own = asked === undefined ? [] : this.#points({ first: asked, last: asked });
    if (own.length > 0) yield own;
    for (const range of files.ranges(usernameStart(prefix))) {
      const points = this.#points(range).filter(({ key }) => key !== prefix);
      const orphans = files.orphans(range).map(({ username, file, sizeBytes, lastModified }): ObjectVersion => {
        const key = keyOf(username);
        return { key, kind: 'old-version', versionId: file, etag: undefined, sizeBytes, lastModified };
      });
      const found = [...points, ...orphans].filter((object) => object.key.startsWith(prefix));
      if (found.length > 0) yield found.sort(byKey);
    }
  }

  #points(range: UsernameRange): ObjectVersion[] {
    return this.#store.files.points(range).map(
      ({ id, username, file, version, size_bytes, last_modified, current }, place, all): ObjectVersion => ({
        key: keyOf(username),
        kind: current ? 'object' : file === null ? 'delete-marker' : 'old-version',
        versionId: String(id),
        etag: version ?? undefined,
        sizeBytes: size_bytes,
        // A program that knows no history may have removed the current one.
        isLatest: current || (file === null && all[place - 1]?.username !== username),
        lastModified: last_modified,
      }),
    );
  }

  async delete(batch: readonly ObjectVersion[]): Promise<readonly DeleteFailure[]> {
    const { files } = this.#store;
    for (const { key, versionId } of batch) {
      const username = usernameOf(key);
      if (username === undefined || versionId === undefined) continue;
      if (/^\d+$/.test(versionId)) await files.removePoint(username, versionId);
      else await files.removeOrphan(username, versionId);
    }
    return this.#databases.delete(batch.filter(({ versionId }) => versionId === undefined));
  }
}

/** Returns what all usernames with such keys begin with. */
function usernameStart(prefix: string): string {
  return prefix.startsWith(USER_DATABASES_PREFIX)
    ? prefix.slice(USER_DATABASES_PREFIX.length).replace(/\.(a(n(k(i2?)?)?)?)?$/, '')
    : '';
}

// Usernames are ASCII, so comparing code units compares bytes.
function byKey(a: ObjectVersion, b: ObjectVersion): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}
