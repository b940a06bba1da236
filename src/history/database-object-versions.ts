import { messageOf } from '../core/failure.ts';
import { keyOf, usernameOf } from '../core/username.ts';
import { type DatabaseStore, listPages } from '../store/database-store.ts';
import type { DeleteFailure, ObjectVersion, ObjectVersions } from './object-versions.ts';

/** The databases of a store that keeps no old versions, under the keys that they would have on S3. */
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
        if (kind === 'unknown') failures.push({ object, reason: 'nobody can tell whether it was deleted' });
        if (kind === 'conflict') failures.push({ object, reason: 'it was changed after it was listed' });
      } catch (error) {
        failures.push({ object, reason: messageOf(error) });
      }
    }
    return failures;
  }
}
