import type { Around } from '../core/around.ts';
import type { DatabaseStore } from './database-store.ts';

/** Returns the store, with `around` at each of its requests. */
export function aroundStore(inner: DatabaseStore, around: Around): DatabaseStore {
  return {
    bodyDigest: inner.bodyDigest,
    get: (...asked) => around.read(() => inner.get(...asked)),
    head: (username) => around.read(() => inner.head(username)),
    trace: (...asked) => around.read(() => inner.trace(...asked)),
    list: (...asked) => around.read(() => inner.list(...asked)),
    put: (username, ...asked) => around.write(username, () => inner.put(username, ...asked)),
    delete: (username, ...asked) => around.write(username, () => inner.delete(username, ...asked)),
  };
}
