import { JavumboError } from '../core/failure.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { deletionKindOf } from '../probes/deletion-probe.ts';
import { type Finding, ok, warning } from './finding.ts';

const ID = 'conditional-deletes';
const AGAIN = 'javumbo doctor again, once conditional-writes is ok';

/** Tests how the engine deletes, on test databases that are then removed, and records it for later deletes. */
export async function examineDeletion({ tryDeletion }: Pick<Deployment, 'tryDeletion'>): Promise<Finding[]> {
  // The local deployment compares under its own lock.
  if (tryDeletion === undefined) return [];
  try {
    const probe = await tryDeletion();
    if (deletionKindOf(probe) === 'condition') {
      return [ok(ID, 'a DELETE over an old version is refused; of a PUT and a DELETE that race, one is')];
    }
    return [
      warning(
        ID,
        `${HOW[probe.condition]}; of ${probe.races} races of a PUT and a DELETE, ${probe.bothAccepted} had both accepted. ` +
          'javumbo deletes here by a tombstone of 64 bytes, which is safe',
        'no other program that deletes in this bucket; javumbo clean s3 --tombstones removes them after a day',
      ),
    ];
  } catch (error) {
    // Other examinations report an unreachable store.
    if (!(error instanceof JavumboError) || error.kind !== 'unavailable') throw error;
    return [warning(ID, `it is not known how the engine deletes: ${error.message}`, AGAIN)];
  }
}

const HOW = {
  compares: 'a DELETE over an old version is refused',
  ignores: 'a DELETE removes whatever is there',
  refuses: 'a DELETE with a condition is refused',
} as const;
