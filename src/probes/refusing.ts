import type { Around } from '../core/around.ts';
import { JavumboError } from '../core/failure.ts';

/** What is wrong with a store, and when it was found. */
export interface UnsafeVerdict {
  /** As messages have it: `s3 http://127.0.0.1:7480 bucket`. */
  readonly store: string;
  /** ISO 8601. */
  readonly foundAt: string;
  /** One sentence per broken promise; never empty. */
  readonly findings: readonly string[];
}

/** Lets reads through and refuses every write before it is sent: the store was seen to break what writers rely on. */
export function refusing({ store, foundAt, findings }: UnsafeVerdict): Around {
  return {
    read: (request) => request(),
    write: async (username) => {
      throw new JavumboError(
        'violation',
        `nothing was written for "${username}": ${store} was unsafe when doctor looked on ${foundAt.slice(0, 10)}: ${findings.join('; ')}`,
        { try: 'javumbo doctor, once the store is fixed; --allow-unsafe-store writes anyway', username },
      );
    },
  };
}
