import type { TellRequest } from '../core/requests.ts';
import { keyOf, USER_DATABASES_PREFIX } from '../core/username.ts';
import type { DatabaseStore } from './database-store.ts';

const kindOf = ({ kind }: { readonly kind: string }): string => kind;

/** Tells of each request to a store. */
export function tellingStore(inner: DatabaseStore, tell: TellRequest): DatabaseStore {
  return {
    bodyDigest: inner.bodyDigest,
    get: (username, ...more) => tell('GET', keyOf(username), () => inner.get(username, ...more), kindOf),
    head: (username) =>
      tell(
        'HEAD',
        keyOf(username),
        () => inner.head(username),
        (found) => (found === undefined ? 'absent' : 'found'),
      ),
    trace: (username, ...more) => tell('HEAD', keyOf(username), () => inner.trace(username, ...more), kindOf),
    put: (username, ...more) => tell('PUT', keyOf(username), () => inner.put(username, ...more), kindOf),
    delete: (username, ...more) => tell('DELETE', keyOf(username), () => inner.delete(username, ...more), kindOf),
    list: (from, prefix = '') =>
      tell(
        'LIST',
        `${USER_DATABASES_PREFIX}${prefix}`,
        () => inner.list(from, prefix),
        ({ databases }) => `${databases.length} databases`,
      ),
  };
}
