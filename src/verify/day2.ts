import { createCollection } from '../anki/collection.ts';
import { addNote } from '../anki/note.ts';
import { LATENCY } from '../bench/latency.ts';
import { ProcessRequester } from '../bench/requester.ts';
import { measureSequence } from '../bench/sequence.ts';
import { createWithNotes } from '../bench/test-user.ts';
import { countsSince } from '../core/usage.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { integrityFindings, type SqliteDatabase, tableCounts } from '../sqlite/engine.ts';
import { type Assert, addFigures, type Figures, type Test, type TestInputs } from './check.ts';
import { withTestDatabase } from './test-data.ts';

interface Environment {
  readonly deployment: Deployment;
  /** Without a cache, like week 1 on day 2: every request goes to the store. */
  readonly databases: UserDatabases;
  readonly inputs: TestInputs;
}

/** Day 2: the pattern works. Tests 2.1 to 2.3, with every check of week 1. */
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
  await withTestDatabase(assert, { deployment, inputs }, '2-1', async (username) => {
    assert.equal('the user has no database yet', (await store.head(username))?.version ?? 'none', 'none');

    const before = deployment.usage().store;
    const create = (database: SqliteDatabase): void => createCollection(database, inputs);
    const session = await databases.openForWriting(username, { create });
    const tables = Object.keys(tableCounts(session.database));
    for (const table of ['col', 'notes', 'cards', 'revlog', 'graves']) {
      assert(`the table ${table} exists`, tables.includes(table), { expected: table, actual: tables.join(', ') });
    }
    const collection = session.database.prepare('SELECT ver, models, decks, dconf FROM col').all() as CollectionRow[];
    assert.equal('the collection has one row of metadata', collection.length, 1);
    assert.equal('the schema version is 11', collection[0]?.ver ?? 0, 11);
    const decks = Object.keys(JSON.parse(collection[0]?.decks ?? '{}'));
    assert('there is a default deck', decks.includes('1'), { expected: 'deck 1', actual: `decks ${decks.join(', ')}` });
    const noteTypes = Object.keys(JSON.parse(collection[0]?.models ?? '{}')).length;
    assert('there is a note type', noteTypes > 0, { expected: 'at least 1', actual: noteTypes });

    const outcome = await session.commit();
    assert.equal('the database is stored', outcome.kind, 'committed');
    const made = countsSince(before, deployment.usage().store);
    assert.equal(
      'it took one GET and one PUT',
      `${made.get} GET, ${made.put} PUT, ${made.head} HEAD`,
      '1 GET, 1 PUT, 0 HEAD',
    );

    const stored = await store.head(username);
    assert('the store holds it', stored !== undefined, {
      expected: 'a database',
      actual: stored === undefined ? 'none' : stored.version,
    });
    assert.equal('its size is the bytes that were sent', stored?.sizeBytes ?? 0, made.bytesUp);
    assert.equal(
      'its version is the one that was committed',
      stored?.version ?? '',
      'version' in outcome ? outcome.version : '-',
    );
    await databases.read(username, ({ database }) => {
      assert.equal('it can be opened again', tableCounts(database).col ?? 0, 1);
      assert.equal('it is not damaged', integrityFindings(database).join('; '), '');
    });
  });
}

interface CollectionRow {
  readonly ver: number;
  readonly models: string;
  readonly decks: string;
  readonly dconf: string;
}

const FIELDS = ['Test Front', 'Test Back'];

async function persistence(assert: Assert, { deployment, databases, inputs }: Environment): Promise<void> {
  await withTestDatabase(assert, { deployment, inputs }, '2-2', async (username) => {
    const first = await databases.update(
      username,
      (database) => addNote(database, { fields: FIELDS, noteId: 1 }, inputs),
      {
        retries: 0,
        create: (database) => createCollection(database, inputs),
      },
    );
    assert.equal('the first connection stores note 1', first.outcome, 'committed');

    await databases.read(username, ({ database, stored }) => {
      const note = database.prepare('SELECT flds FROM notes WHERE id = 1').get() as { flds: string } | undefined;
      assert.equal('the second connection sees that version', stored.version, first.version);
      assert('the second connection reads note 1', note !== undefined, {
        expected: 'note 1',
        actual: note === undefined ? 'no row' : 'note 1',
      });
      assert.equal('its fields are as written', (note?.flds ?? '').replaceAll('\u001f', ' | '), FIELDS.join(' | '));
      assert.equal('the separator U+001F is kept', note?.flds ?? '', FIELDS.join('\u001f'));
    });

    const third = await databases.update(
      username,
      (database) => {
        addNote(database, { fields: ['Second Front', 'Second Back'], noteId: 2 }, inputs);
        return (database.prepare('SELECT count(*) AS n FROM notes').get() as { n: number }).n;
      },
      { retries: 0 },
    );
    assert.equal('the third connection adds note 2', third.outcome, 'committed');
    assert.equal('it counts two notes', third.value, 2);
    assert('each write has its own version', third.version !== first.version, {
      expected: `another version than ${first.version}`,
      actual: third.version,
    });

    await databases.read(username, ({ database }) => {
      const ids = database.prepare('SELECT id FROM notes ORDER BY id').all() as { id: number }[];
      assert.equal('both notes are there in the end', ids.map(({ id }) => id).join(', '), '1, 2');
      assert.equal('it is not damaged', integrityFindings(database).join('; '), '');
    });
  });
}

const REQUESTS = 10;
const NOTES = 10;

async function latency(
  assert: Assert,
  { deployment, databases, inputs }: Environment,
  figures: Figures,
): Promise<void> {
  const { clock } = inputs;
  await withTestDatabase(assert, { deployment, inputs }, '2-3', async (username) => {
    const noteIds = await createWithNotes(databases, username, NOTES, inputs);
    assert.equal(`the database has ${NOTES} notes`, noteIds.length, NOTES);

    const { cache } = deployment;
    const { metrics, derived, requests, operations } = await measureSequence(LATENCY, {
      requester: new ProcessRequester({ cached: databases, uncached: databases, cache, clock, noteIds }),
      username,
      count: REQUESTS,
      databases,
      requests: () => deployment.usage().store,
    });
    addFigures(figures, { metrics, derived });
    const { get, put, head } = requests;
    const { distinctVersions = 0, sizeBeforeBytes = 0, sizeAfterBytes = 0 } = derived;
    const times = ['downloadMs', 'queryMs', 'uploadMs'].flatMap((phase) => metrics[phase]?.samples ?? []);
    assert.equal(`all ${REQUESTS} requests are completed`, operations, REQUESTS);
    const measured = times.filter((time) => time > 0).length;
    assert.equal('download, query and upload of each are measured', measured, 3 * REQUESTS);
    assert.equal(
      'each takes one GET and one PUT',
      `${get} GET, ${put} PUT, ${head} HEAD`,
      `${REQUESTS} GET, ${REQUESTS} PUT, 0 HEAD`,
    );
    assert.equal('each has its own version', distinctVersions, REQUESTS);
    assert('the size before and after is known', sizeBeforeBytes > 0 && sizeAfterBytes > 0, {
      expected: 'two sizes above 0',
      actual: `${sizeBeforeBytes} and ${sizeAfterBytes}`,
    });
    assert('the gain of a cache is projected', Number.isFinite(derived.projectedTotalMs), {
      expected: 'a time',
      actual: String(derived.projectedTotalMs),
    });
    await databases.read(username, ({ database }) => {
      const { n } = database.prepare('SELECT count(*) AS n FROM notes').get() as { n: number };
      assert.equal('no note is lost', n, NOTES);
      assert.equal('it is not damaged', integrityFindings(database).join('; '), '');
    });
  });
}
