import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deleteObjects, objectsUnder } from '../cleanup/stored-objects.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { newRunId, testUser } from '../core/test-data.ts';
import { keyOf } from '../core/username.ts';
import type { ObjectVersions } from '../history/object-versions.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { RetryingDatabaseStore } from '../store/retrying-store.ts';
import type { DeletionKind } from '../store/tombstone.ts';
import { DELETION_PURPOSES, type DeletionProbe, deletionKindOf, probeDeletion } from './deletion-probe.ts';
import { recordPath, writeRecord } from './records.ts';

/** How a store's engine deletes, and when that was tested. */
export type DeletionRecord = DeletionProbe & { readonly store: string /** ISO 8601. */; readonly foundAt: string };

/** The records of how engines delete: one file per store in JAVUMBO_HOME. */
export class DeletionRecords {
  readonly #directory: string;

  constructor(home: string) {
    this.#directory = join(home, 'deletion');
  }

  /** Returns undefined if there is no readable record; the engine is tested again then. */
  find(identity: string): DeletionRecord | undefined {
    try {
      const record = JSON.parse(readFileSync(this.#pathOf(identity), 'utf8')) as DeletionRecord;
      const known = ['compares', 'ignores', 'refuses'].includes(record.condition);
      return known && typeof record.bothAccepted === 'number' ? record : undefined;
    } catch {
      return undefined;
    }
  }

  record(record: DeletionRecord, random: Random): void {
    writeRecord(this.#pathOf(record.store), JSON.stringify(record), random);
  }

  #pathOf(identity: string): string {
    return recordPath(this.#directory, identity);
  }
}

/** The bucket to test. */
export interface AskedBucket {
  readonly identity: string;
  /** Sends each request once, and a delete of a version as a DELETE with its condition. */
  readonly store: DatabaseStore;
  readonly objects: () => Promise<ObjectVersions>;
  readonly home: string;
}

/**
 * Returns how a bucket's engine deletes: from the record, or from a test on test users, which is then recorded. Throws
 * `unavailable` if the engine gives no clear answer.
 */
export async function deletionKind(
  asked: AskedBucket,
  sources: { clock: Clock; random: Random },
): Promise<DeletionKind> {
  const found = new DeletionRecords(asked.home).find(asked.identity);
  return deletionKindOf(found ?? (await askAboutDeletion(asked, sources)));
}

/** Tests how a bucket's engine deletes, removes the test data, and records the answer if this machine can. */
export async function askAboutDeletion(
  { identity, store, objects, home }: AskedBucket,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<DeletionProbe> {
  const retrying = new RetryingDatabaseStore(store, { clock, random });
  const run = { id: newRunId(random) };
  let probe: DeletionProbe;
  try {
    probe = await probeDeletion(retrying, random, run);
  } finally {
    const keys = DELETION_PURPOSES.map((purpose) => keyOf(testUser(run, purpose)));
    // `clean all` finds what is left.
    await removeAll(await objects(), keys).catch(() => {});
  }
  try {
    new DeletionRecords(home).record(
      { store: identity, foundAt: new Date(clock.now()).toISOString(), ...probe },
      random,
    );
  } catch {
    // The home is not writable: the next command tests again.
  }
  return probe;
}

async function removeAll(objects: ObjectVersions, keys: readonly string[]): Promise<void> {
  await deleteObjects(objects, await objectsUnder(objects, keys, true));
}
