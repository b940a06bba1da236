import { createCollection } from '../anki/collection.ts';
import { addNote } from '../anki/note.ts';
import { createWithNotes, latencyFigures, measureLatency } from '../bench/latency.ts';
import { ProcessRequester } from '../bench/requester.ts';
import { withTestUser } from '../bench/test-user.ts';
import { countsSince, type RequestCounts } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { integrityFindings, type SqliteDatabase, tableCounts } from '../sqlite/engine.ts';
import type { TestInputs } from './check.ts';
import { type Assert, assertEqual, type Figures, type Test } from './check.ts';
import { assertCleanedUp } from './cleaned-up.ts';

interface Environment {
  readonly deployment: Deployment;
  /** Without a cache: every request goes to the store, as on week 1's day 2. */
  readonly databases: UserDatabases;
  readonly inputs: TestInputs;
}

/** Day 2: the pattern works. Tests 2.1, 2.2 and 2.3 with every sub-check of week 1. */
export function day2(deployment: Deployment, inputs: TestInputs, figures: Figures): Test[] {
  const databases = deployment.databases({ cacheTtlDefault: 0, caching: false });
  const environment = { deployment, databases, inputs };
  return [
    {
      id: '2.1',
      name: 'a new user gets a database',
      try: 'javumbo db create and javumbo db info, to see whether the store holds what it acknowledges',
      run: (assert) => newDatabase(assert, environment),
    },
    {
      id: '2.2',
      name: 'what is written is read again',
      try: 'check whether something rewrites objects between the tool and the store',
      run: (assert) => persistence(assert, environment),
    },
    {
      id: '2.3',
      name: 'baseline of latency',
      try: 'javumbo bench latency, which prints every request',
      run: (assert) => latency(assert, environment, figures),
    },
  ];
}

async function newDatabase(assert: Assert, { deployment, databases, inputs }: Environment): Promise<void> {
  const { store } = deployment;
  const removed = await withTestUser(deployment, inputs.run, '2-1', async (username) => {
    assertEqual(assert, 'the user has no database yet', (await store.head(username)) === undefined, true);

    const before = deployment.usage().store;
    const create = (database: SqliteDatabase): void => createCollection(database, inputs);
    const session = await databases.openForWriting(username, { create });
    const tables = Object.keys(tableCounts(session.database));
    for (const table of ['col', 'notes', 'cards', 'revlog', 'graves']) {
      assertEqual(assert, `the table ${table} exists`, tables.includes(table), true);
    }
    const collection = session.database.prepare('SELECT ver, models, decks, dconf FROM col').all() as CollectionRow[];
    assertEqual(assert, 'the collection has one row of metadata', collection.length, 1);
    assertEqual(assert, 'the schema version is 11', collection[0]?.ver ?? 0, 11);
    assertEqual(assert, 'there is a default deck', '1' in JSON.parse(collection[0]?.decks ?? '{}'), true);
    assertEqual(
      assert,
      'there is a note type',
      Object.keys(JSON.parse(collection[0]?.models ?? '{}')).length > 0,
      true,
    );

    const outcome = await session.commit();
    assertEqual(assert, 'the database is stored', outcome.kind, 'committed');
    const made = countsSince(before, deployment.usage().store);
    assertEqual(
      assert,
      'it took one GET and one PUT',
      `${made.get} GET, ${made.put} PUT, ${made.head} HEAD`,
      '1 GET, 1 PUT, 0 HEAD',
    );

    const stored = await store.head(username);
    assertEqual(assert, 'the store holds it', stored !== undefined, true);
    assertEqual(assert, 'its size is the bytes that were sent', stored?.sizeBytes ?? 0, made.bytesUp);
    assertEqual(
      assert,
      'its version is the one that was committed',
      stored?.version ?? '',
      'version' in outcome ? outcome.version : '-',
    );
    await databases.read(username, ({ database }) => {
      assertEqual(assert, 'it can be opened again', tableCounts(database).col ?? 0, 1);
      assertEqual(assert, 'it is not damaged', integrityFindings(database).join('; '), '');
    });
    return username;
  });
  await assertCleanedUp(assert, deployment, inputs.run, removed);
}

interface CollectionRow {
  readonly ver: number;
  readonly models: string;
  readonly decks: string;
  readonly dconf: string;
}

const FIELDS = ['Test Front', 'Test Back'];

async function persistence(assert: Assert, { deployment, databases, inputs }: Environment): Promise<void> {
  const removed = await withTestUser(deployment, inputs.run, '2-2', async (username) => {
    const first = await databases.update(
      username,
      (database) => addNote(database, { fields: FIELDS, noteId: 1 }, inputs),
      {
        retries: 0,
        create: (database) => createCollection(database, inputs),
      },
    );
    assertEqual(assert, 'the first connection stores note 1', first.outcome, 'committed');

    await databases.read(username, ({ database, stored }) => {
      const note = database.prepare('SELECT flds FROM notes WHERE id = 1').get() as { flds: string } | undefined;
      assertEqual(assert, 'the second connection sees that version', stored.version, first.version);
      assertEqual(assert, 'the second connection reads note 1', note !== undefined, true);
      assertEqual(
        assert,
        'its fields are as written',
        (note?.flds ?? '').replaceAll('\u001f', ' | '),
        FIELDS.join(' | '),
      );
      assertEqual(assert, 'the separator U+001F is kept', note?.flds ?? '', FIELDS.join('\u001f'));
    });

    const third = await databases.update(
      username,
      (database) => {
        addNote(database, { fields: ['Second Front', 'Second Back'], noteId: 2 }, inputs);
        return (database.prepare('SELECT count(*) AS n FROM notes').get() as { n: number }).n;
      },
      { retries: 0 },
    );
    assertEqual(assert, 'the third connection adds note 2', third.outcome, 'committed');
    assertEqual(assert, 'it counts two notes', third.value, 2);
    assertEqual(assert, 'each write has its own version', third.version !== first.version, true);

    await databases.read(username, ({ database }) => {
      const ids = database.prepare('SELECT id FROM notes ORDER BY id').all() as { id: number }[];
      assertEqual(assert, 'both notes are there in the end', ids.map(({ id }) => id).join(', '), '1, 2');
      assertEqual(assert, 'it is not damaged', integrityFindings(database).join('; '), '');
    });
    return username;
  });
  await assertCleanedUp(assert, deployment, inputs.run, removed);
}

const REQUESTS = 10;
const NOTES = 10;

async function latency(
  assert: Assert,
  { deployment, databases, inputs }: Environment,
  figures: Figures,
): Promise<void> {
  const { clock, run } = inputs;
  const removed = await withTestUser(deployment, run, '2-3', async (username) => {
    const noteIds = await createWithNotes(databases, username, NOTES, inputs);
    assertEqual(assert, `the database has ${NOTES} notes`, noteIds.length, NOTES);

    const before = deployment.usage().store;
    let measured: RequestCounts = before;
    const { cache } = deployment;
    const requester = new ProcessRequester({ cached: databases, uncached: databases, cache, clock, noteIds });
    const result = await measureLatency({
      requester,
      databases,
      username,
      requests: REQUESTS,
      onRequest: () => {
        measured = deployment.usage().store;
      },
    });
    Object.assign(figures, latencyFigures(result));
    const { get, put, head } = countsSince(before, measured);
    const times = result.times.flatMap(({ downloadMs, queryMs, uploadMs }) => [downloadMs, queryMs, uploadMs]);
    assertEqual(assert, `all ${REQUESTS} requests are completed`, result.times.length, REQUESTS);
    assertEqual(
      assert,
      'download, query and upload of each are measured',
      times.every((time) => time > 0),
      true,
    );
    assertEqual(
      assert,
      'each takes one GET and one PUT',
      `${get} GET, ${put} PUT, ${head} HEAD`,
      `${REQUESTS} GET, ${REQUESTS} PUT, 0 HEAD`,
    );
    assertEqual(assert, 'each has its own version', new Set(result.versions).size, REQUESTS);
    assertEqual(
      assert,
      'the size before and after is known',
      result.sizeBeforeBytes > 0 && result.sizeAfterBytes > 0,
      true,
    );
    assertEqual(assert, 'the gain of a cache is projected', Number.isFinite(figures.derived.projectedTotalMs), true);
    await databases.read(username, ({ database }) => {
      const { n } = database.prepare('SELECT count(*) AS n FROM notes').get() as { n: number };
      assertEqual(assert, 'no note is lost', n, NOTES);
      assertEqual(assert, 'it is not damaged', integrityFindings(database).join('; '), '');
    });
    return username;
  });
  await assertCleanedUp(assert, deployment, inputs.run, removed);
}
