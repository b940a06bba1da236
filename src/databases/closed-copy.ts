import { type Content, sizeOf } from '../core/file.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import { openWorkingCopy, quickCheck, type SqliteEngine, settleJournal } from '../sqlite/engine.ts';
import { readHeader } from '../sqlite/header.ts';
import { contentDigestOf, type DigestName, digestsOf, makeUnique, type NamedDigests } from '../store/content-digest.ts';
import type { BodyDigest, DatabaseStore } from '../store/database-store.ts';
import type { ReadyEnvironment } from './session.ts';
import type { WorkingCopy } from './working-copy.ts';

/** What a commit sends; of an unchanged copy nothing. */
export interface ClosedCopy extends Digests {
  readonly writeId: string;
  readonly content: Content;
  readonly sizeBytes: number;
}

export const UNCHANGED: ClosedCopy = { writeId: '', digest: '', content: '', sizeBytes: 0 };

interface Digests {
  /** Of the content. */
  readonly digest: string;
  /** That of the bytes which the store needs, if it is known already. */
  readonly body?: BodyDigest | undefined;
}

/**
 * Ends the edit of a working copy, and closes it. Unless it is unchanged, the content then is complete, sound, and unlike
 * any other ever stored. Throws `corrupt` if it is damaged.
 */
export async function closed(
  copy: WorkingCopy,
  hasChanged: () => boolean,
  environment: ReadyEnvironment,
): Promise<ClosedCopy> {
  const { random, sqlite, store, digests: thread, atStep } = environment;
  const ended = await runBlockingIn(environment)(() => {
    const { database } = copy;
    if (database.inTransaction) database.exec('COMMIT');
    atStep?.('edited');
    settleJournal(database);
    if (!hasChanged()) {
      copy.close();
      return undefined;
    }
    if (copy.work === undefined) quickCheck(database);
    const content = copy.close();
    // An empty file passes every check of SQLite, but no one else takes it for a database.
    readHeader(content);
    // Once per commit, never per attempt: a retry sends the same bytes.
    makeUnique(content, random);
    const isFile = typeof content === 'string';
    const beside =
      isFile && thread?.helpsWith(sizeOf(content)) ? thread.digestsOf(content, namesBeside(store)) : undefined;
    // The check may fail before it is awaited.
    beside?.catch(() => {});
    atStep?.('closed');
    if (isFile) checkFile(sqlite, content);
    return { content, beside };
  });
  if (ended === undefined) return UNCHANGED;
  const { content, beside } = ended;
  // Else the store takes its own.
  const digests =
    beside === undefined ? { digest: await contentDigestOf(content) } : await digestsWith(beside, content, store);
  return { writeId: random.hex(16), content, sizeBytes: sizeOf(content), ...digests };
}

/** Checks the very bytes that will be sent, and does not change them. */
function checkFile(sqlite: SqliteEngine, path: string): void {
  // On a read-only connection SQLite does not look at CHECK constraints.
  const database = openWorkingCopy(sqlite, path);
  try {
    database.exec('PRAGMA query_only = ON');
    quickCheck(database);
  } finally {
    database.close();
  }
}

/**
 * Which digests are taken beside the check. MD5 takes longer than all the rest, and CRC32 less than reading the bytes once
 * more does.
 */
function namesBeside({ bodyDigest }: DatabaseStore): readonly DigestName[] {
  if (bodyDigest === 'md5') return ['md5'];
  return bodyDigest === 'crc32' ? ['content', 'crc32'] : ['content'];
}

/** Takes here what is not taken beside. */
async function digestsWith(beside: Promise<NamedDigests>, content: Content, store: DatabaseStore): Promise<Digests> {
  const { bodyDigest: algorithm } = store;
  const needed: readonly DigestName[] = algorithm === undefined ? ['content'] : ['content', algorithm];
  const here = needed.filter((name) => !namesBeside(store).includes(name));
  const digests = Object.assign({}, ...(await Promise.all([beside, digestsOf(content, here)]))) as Record<
    DigestName,
    string
  >;
  const body = algorithm === undefined ? {} : { body: { algorithm, hex: digests[algorithm] } };
  return { digest: digests.content, ...body };
}
