import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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

/** What was found out about how the engine of a store deletes, and when. */
export type DeletionRecord = DeletionProbe & { readonly store: string /** ISO 8601. */; readonly foundAt: string };

/** How the engines of stores delete, as they answered this machine: a file for each in JAVUMBO_HOME. */
export class DeletionRecords {
  readonly #directory: string;

  constructor(home: string) {
    this.#directory = join(home, 'deletion');
  }

  /** Undefined where nobody has asked, or where the record cannot be read: then it is asked again. */
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

/** The bucket to ask. */
export interface AskedBucket {
  readonly identity: string;
  /** Sends each request once, and a delete of a version as a DELETE with its condition. */
  readonly store: DatabaseStore;
  readonly objects: () => Promise<ObjectVersions>;
  readonly home: string;
}

/**
 * How a bucket's engine deletes: what was recorded, or else what it answers now, tried on test users and recorded. Throws
 * `unavailable` where it gives no clear answer.
 */
export async function deletionKind(
  asked: AskedBucket,
  sources: { clock: Clock; random: Random },
): Promise<DeletionKind> {
  const found = new DeletionRecords(asked.home).find(asked.identity);
  return deletionKindOf(found ?? (await askAboutDeletion(asked, sources)));
}

/** Tries how a bucket's engine deletes, removes the test data and records the answer, if this machine can. */
export async function askAboutDeletion(
  { identity, store, objects, home }: AskedBucket,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<DeletionProbe> {
  const retrying = new RetryingDatabaseStore(store, { clock, random });
  const run = { id: newRunId(random) };
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-deletion-'));
  let probe: DeletionProbe;
  try {
    probe = await probeDeletion(retrying, directory, random, run);
  } finally {
    rmSync(directory, { recursive: true, force: true });
    const keys = DELETION_PURPOSES.map((purpose) => keyOf(testUser(run, purpose)));
    // What cannot be removed is test data, which `clean all` finds.
    await removeAll(await objects(), keys).catch(() => {});
  }
  try {
    new DeletionRecords(home).record(
      { store: identity, foundAt: new Date(clock.now()).toISOString(), ...probe },
      random,
    );
  } catch {
    // A home that cannot be written to: the next command asks again.
  }
  return probe;
}

async function removeAll(objects: ObjectVersions, keys: readonly string[]): Promise<void> {
  await deleteObjects(objects, await objectsUnder(objects, keys, true));
}
