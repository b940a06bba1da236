import { inParallel } from '../core/parallel.ts';
import { seededRandom } from '../core/random.ts';
import { addNote, createCollection } from '../library/collection.ts';
import type { OpenedUserDatabases } from '../library/open.ts';
import { sqliteEngine } from '../sqlite/choose-engine.ts';

/** The hash of `correct horse`, so that no test waits for one. */
export const HASH = '$2b$04$abcdefghijklmnopqrstuuK9XZVxGQ.6TrDYKXL5bOW2Ghd2lQeLC';

// What a collection without notes takes on its small pages.
const LEAST_BYTES = 24_000;

const NOTE_BYTES = 50_000;

/** Makes so many users with collections of 24 KB to `bytesMax`, and accounts for all but each seventh of them. */
export async function populate(
  databases: OpenedUserDatabases,
  users: number,
  { bytesMax = 200_000, accounts = true }: { readonly bytesMax?: number; readonly accounts?: boolean } = {},
): Promise<string[]> {
  const random = seededRandom(17);
  const sqlite = await sqliteEngine();
  const repository = accounts ? await databases.accounts() : undefined;
  const wanted = Array.from({ length: users }, (_, index) => ({
    username: `user-${String(index).padStart(4, '0')}`,
    hasAccount: index % 7 !== 3,
    bytes: LEAST_BYTES + random.fraction() * Math.max(0, bytesMax - LEAST_BYTES),
  }));
  const work = async ({ username, hasAccount, bytes }: (typeof wanted)[number]): Promise<string> => {
    await databases.replace(username, { kind: 'nothing' }, async (path) => {
      const database = sqlite.open(path, 'read-write');
      database.exec('PRAGMA page_size = 1024; PRAGMA synchronous = OFF');
      createCollection(database);
      for (let left = bytes - LEAST_BYTES; left > 0; left -= NOTE_BYTES) {
        const text = random.hex(Math.max(1, Math.floor(Math.min(left, NOTE_BYTES) / 2)));
        addNote(database, { fields: [text.slice(0, 20), text] });
      }
      database.close();
    });
    if (hasAccount) await repository?.adopt({ username, name: `Somebody ${username}`, passwordHash: HASH });
    return username;
  };
  const made: string[] = [];
  for await (const username of inParallel(wanted, 8, work)) made.push(username);
  return made.sort();
}
