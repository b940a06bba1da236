import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { expectFailure } from '../../testing/expect-failure.ts';
import { type Json, runCommand } from '../../testing/run-command.ts';

const VERSION = /^[0-9a-f]{32,64}$/;
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const NONE = { get: 0, put: 0, head: 0, delete: 0, list: 0 };
const FIELDS = ['--field', 'der Hund', '--field', 'the dog'];

describe.each(COMMAND_DEPLOYMENTS)('on $name', ({ open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  describe('each command prints the JSON of the design, and nothing else', () => {
    // In order: each finds what the ones before it left, with everything cached.
    const steps: { readonly argv: string[]; readonly json: Json }[] = [
      { argv: ['list'], json: { databases: [], next: null } },
      { argv: ['create', 'alice'], json: written({ put: 1 }) },
      {
        argv: ['info', 'alice'],
        json: {
          username: 'alice',
          key: 'user_dbs/alice.anki2',
          version: expect.stringMatching(VERSION),
          sizeBytes: expect.any(Number),
          lastModified: expect.stringMatching(ISO_TIME),
          tables: { cards: 0, col: 1, graves: 0, notes: 0, revlog: 0 },
          integrity: 'ok',
        },
      },
      {
        argv: ['list'],
        json: {
          databases: [
            {
              username: 'alice',
              version: expect.stringMatching(VERSION),
              sizeBytes: expect.any(Number),
              lastModified: expect.stringMatching(ISO_TIME),
            },
          ],
          next: null,
        },
      },
      {
        argv: ['add-note', 'alice', ...FIELDS, '--tag', 'animals'],
        json: { ...written({ put: 1 }), noteId: expect.any(Number) },
      },
      {
        argv: ['query', 'alice', 'SELECT flds, tags FROM notes'],
        json: { columns: ['flds', 'tags'], rows: [{ flds: 'der Hund\u001fthe dog', tags: ' animals ' }] },
      },
      {
        argv: ['query', 'alice', 'SELECT ? AS x, ? AS y', '5', 'five'],
        json: { columns: ['x', 'y'], rows: [{ x: 5, y: 'five' }] },
      },
      { argv: ['exec', 'alice', 'UPDATE notes SET tags = ?', ' pets '], json: { ...written({ put: 1 }), changes: 1 } },
      {
        argv: ['exec', 'alice', 'UPDATE notes SET tags = ? WHERE 0', 'x'],
        json: { ...written({ get: 1 }), outcome: 'unchanged', changes: 0 },
      },
      {
        argv: ['check', 'alice'],
        json: { username: 'alice', version: expect.stringMatching(VERSION), integrity: 'ok', findings: [] },
      },
      {
        argv: ['delete', 'alice', '--yes'],
        json: { username: 'alice', outcome: 'deleted', version: expect.stringMatching(VERSION) },
      },
      { argv: ['list'], json: { databases: [], next: null } },
    ];

    test('from the first to the last', async () => {
      for (const { argv, json } of steps) {
        const result = await deployment.run(['db', ...argv, '--json']);
        expect({ argv, code: result.code, stderr: result.stderr }).toEqual({ argv, code: 0, stderr: '' });
        expect({ argv, json: result.json() }).toEqual({ argv, json });
      }
    });
  });

  test.each<{ name: string; cached: boolean; argv: string[]; requests: Partial<typeof NONE> }>([
    { name: 'a cold read', cached: false, argv: ['query', 'alice', 'SELECT 1 AS x'], requests: { get: 1 } },
    {
      name: 'a cached read, which asks',
      cached: true,
      argv: ['query', 'alice', 'SELECT 1 AS x'],
      requests: { get: 1 },
    },
    {
      name: 'a cached read within the staleness',
      cached: true,
      argv: ['query', 'alice', 'SELECT 1 AS x', '--cache-ttl', '300'],
      requests: {},
    },
    {
      name: 'a cold write',
      cached: false,
      argv: ['exec', 'alice', 'UPDATE col SET mod = mod + 1'],
      requests: { get: 1, put: 1 },
    },
    {
      name: 'a cached write',
      cached: true,
      argv: ['exec', 'alice', 'UPDATE col SET mod = mod + 1'],
      requests: { put: 1 },
    },
    { name: 'a note, cold', cached: false, argv: ['add-note', 'alice', ...FIELDS], requests: { get: 1, put: 1 } },
    { name: 'a deletion', cached: true, argv: ['delete', 'alice', '--yes'], requests: { head: 1, delete: 1 } },
    { name: 'a list', cached: true, argv: ['list'], requests: { list: 1 } },
    { name: 'info', cached: false, argv: ['info', 'alice'], requests: { get: 1 } },
    { name: 'check', cached: false, argv: ['check', 'alice'], requests: { get: 1 } },
  ])('$name takes $requests', async ({ cached, argv, requests }) => {
    // The first delete of a deployment tries how its engine deletes.
    if (argv[0] === 'delete') {
      await deployment.json('db', 'create', 'bob');
      await deployment.json('db', 'delete', '--yes', 'bob');
    }
    await deployment.json('db', 'create', 'alice');
    deployment.server?.resetCounts();
    const run = cached ? deployment.run : deployment.runElsewhere;
    const result = await run(['db', ...argv, '--json']);
    expect(result.code).toBe(0);
    const expected = { ...NONE, ...requests };
    const reported = result.json<{ requests?: typeof NONE }>().requests;
    if (reported !== undefined) expect(reported).toEqual(expected);
    // What the server saw is what was reported, and what nobody reports it saw too.
    const { server } = deployment;
    if (server !== undefined) expect(countsOf(server.counts.operations)).toEqual(expected);
  });

  test.each<{ name: string; argv: string[]; code: number; kind: string; message: RegExp }>([
    { name: 'info', argv: ['info', 'bob'], code: 3, kind: 'not-found', message: /^user "bob" has no database$/ },
    { name: 'query', argv: ['query', 'bob', 'SELECT 1'], code: 3, kind: 'not-found', message: /"bob" has no database/ },
    { name: 'exec', argv: ['exec', 'bob', 'SELECT 1'], code: 3, kind: 'not-found', message: /"bob" has no database/ },
    {
      name: 'add-note',
      argv: ['add-note', 'bob', '--field', 'x'],
      code: 3,
      kind: 'not-found',
      message: /"bob" has no database/,
    },
    { name: 'check', argv: ['check', 'bob'], code: 3, kind: 'not-found', message: /"bob" has no database/ },
    {
      name: 'pull',
      argv: ['pull', 'bob', '--out', '/dev/null/x'],
      code: 3,
      kind: 'not-found',
      message: /"bob" has no database/,
    },
    { name: 'delete', argv: ['delete', 'bob'], code: 3, kind: 'not-found', message: /"bob" has no database/ },
    {
      name: 'create, where there is one',
      argv: ['create', 'alice'],
      code: 4,
      kind: 'conflict',
      message: /^user "alice" already has a database \(version [0-9a-f]+\)$/,
    },
  ])('$name of a database that is not there, or is: $kind', async ({ argv, code, kind, message }) => {
    await deployment.json('db', 'create', 'alice');
    const before = await deployment.json('db', 'list');
    const result = await deployment.run(['db', ...argv, '--json']);
    expect({ code: result.code, stdout: result.stdout }).toEqual({ code, stdout: '' });
    expect(result.failure()).toMatchObject({
      kind,
      message: expect.stringMatching(message),
      username: argv[1],
      try: expect.any(String),
    });
    expect(await deployment.json('db', 'list')).toEqual(before);
  });

  test('a database that was deleted is not served from the cache, and can be made anew', async () => {
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'delete', '--yes', 'alice');
    expect((await deployment.run(['db', 'info', 'alice', '--cache-ttl', '300'])).code).toBe(3);
    expect(await deployment.json('db', 'create', 'alice')).toMatchObject({
      outcome: 'committed',
      requests: { ...NONE, put: 1 },
    });
  });

  test('a list is in the order of the keys', async () => {
    for (const username of ['b', 'a.b', 'a', 'B', 'a+b']) await deployment.json('db', 'create', username);
    const { databases } = await deployment.json<Json>('db', 'list');
    const keys = databases.map(({ username }: Json) => `${username}.anki2`);
    expect(keys).toEqual([...keys].sort());
    expect(keys).toHaveLength(5);
  });

  test('in a pipe, lines are tab-separated and have no header', async () => {
    await deployment.json('db', 'create', 'alice');
    const { version, sizeBytes, lastModified } = await deployment.json<Json>('db', 'info', 'alice');
    const list = await deployment.run(['db', 'list']);
    expect(list.stdout).toBe(`alice\t${sizeBytes}\t${lastModified}\t${version}\n`);
    const query = await deployment.run(['db', 'query', 'alice', "SELECT 1, 'a' || char(9) || 'b', NULL, x'00'"]);
    expect(query.stdout).toBe('1\ta\\tb\t\tAA==\n');
    expect((await deployment.run(['db', 'query', 'alice', 'SELECT 1 WHERE 0'])).stdout).toBe('');
  });

  test('check answers 7 where Anki’s rules are broken', async () => {
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'add-note', 'alice', ...FIELDS);
    await deployment.json('db', 'exec', 'alice', 'DELETE FROM notes', '--yes');
    const result = await deployment.run(['db', 'check', 'alice', '--json']);
    expect(result.code).toBe(7);
    expect(result.json()).toMatchObject({ integrity: 'ok', findings: ['1 card has no note; Anki would delete it'] });
  });

  test('check --repair makes Anki’s repairs with one PUT, and none where there is nothing to repair', async () => {
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'add-note', 'alice', ...FIELDS);
    await deployment.json('db', 'exec', 'alice', "UPDATE cards SET did = 7, ord = 9; UPDATE notes SET flds = 'x'");
    const first = await deployment.json<Json>('db', 'check', 'alice', '--repair');
    expect(first).toMatchObject({
      integrity: 'ok',
      findings: [],
      repair: {
        outcome: 'committed',
        requests: { put: 1 },
        repaired: [
          '1 card is in an unknown deck',
          '1 card has no template',
          '1 note has another number of fields than its note type',
          '1 note has no card',
        ],
      },
    });
    expect(await deployment.json('db', 'check', 'alice')).toMatchObject({ findings: [], version: first.version });
    const second = await deployment.json<Json>('db', 'check', 'alice', '--repair');
    expect(second).toMatchObject({
      version: first.version,
      repair: { outcome: 'unchanged', requests: { put: 0 }, repaired: [] },
    });
  });

  test('check --repair of what Anki cannot open ends with 8 and names the column', async () => {
    await deployment.json('db', 'create', 'alice');
    await deployment.json('db', 'exec', 'alice', "UPDATE col SET decks = '{'");
    expectFailure(await deployment.run(['db', 'check', 'alice', '--repair']), {
      code: 8,
      error: /^error: database "alice": column "decks" of the collection is not JSON$/,
    });
  });

  test('add-note puts cards into the deck that is named, and makes it', async () => {
    await deployment.json('db', 'create', 'alice');
    const { noteId } = await deployment.json<Json>('db', 'add-note', 'alice', ...FIELDS, '--deck', 'Sprachen');
    const { rows } = await deployment.json<Json>(
      'db',
      'query',
      'alice',
      "SELECT nid, json_extract(decks, '$.' || did || '.name') AS deck FROM cards, col",
    );
    expect(rows).toEqual([{ nid: noteId, deck: 'Sprachen' }]);
    expect((await deployment.run(['db', 'check', 'alice'])).code).toBe(0);
  });
});

describe('only on S3', () => {
  test('keys that are no user databases are counted on stderr, and --quiet keeps it to itself', async () => {
    const deployment = await openOnS3();
    try {
      for (const key of ['user_dbs/', 'user_dbs/a/b.anki2', 'user_dbs/x.txt'])
        deployment.server?.putObject(BUCKET, key, '');
      await deployment.json('db', 'create', 'alice');
      const { env, flags } = deployment;
      const loud = await runCommand(['db', 'list', '--json', ...flags], { env });
      expect(loud.json<Json>().databases).toHaveLength(1);
      expect(loud.stderr).toBe('note: 3 keys under user_dbs/ are not user databases\n');
      expect((await deployment.run(['db', 'list'])).stderr).toBe('');
    } finally {
      await deployment.close();
    }
  });
});

describe('a list in a bucket of 2,600 databases', () => {
  let deployment: CommandDeployment;

  beforeAll(async () => {
    deployment = await openOnS3();
    const others = Array.from({ length: 1300 }, (_, number) => String(number).padStart(4, '0'));
    for (const name of others.flatMap((number) => [`a-${number}`, `z-${number}`, 'al', 'ali']))
      deployment.server?.putObject(BUCKET, `user_dbs/${name}.anki2`, '');
  });

  afterAll(() => deployment.close());

  test.each<{ argv: string[]; requests: number; listed: number; next?: string }>([
    { argv: ['--prefix', 'al'], requests: 1, listed: 2 },
    { argv: ['--prefix', 'al', '--sort', 'size', '--limit', '1'], requests: 1, listed: 1, next: 'al' },
    { argv: ['--prefix', 'al', '--limit', '1'], requests: 1, listed: 1, next: 'al' },
    { argv: ['--prefix', 'al', '--after', 'al'], requests: 1, listed: 1 },
    { argv: ['--prefix', 'z-'], requests: 2, listed: 1300 },
    { argv: ['--prefix', 'z-', '--after', 'z-0998'], requests: 2, listed: 301 },
    { argv: ['--prefix', 'z-', '--limit', '999'], requests: 1, listed: 999, next: 'z-0998' },
    { argv: ['--prefix', 'z-', '--limit', '1000'], requests: 2, listed: 1000, next: 'z-0999' },
    { argv: ['--limit', '10'], requests: 1, listed: 10, next: 'a-0009' },
    { argv: ['--sort', 'size', '--limit', '10'], requests: 3, listed: 10, next: 'a-0009' },
    { argv: [], requests: 3, listed: 2602 },
  ])('$argv costs $requests LIST', async ({ argv, requests, listed, next = null }) => {
    const before = deployment.server?.counts.operations.ListObjectsV2 ?? 0;
    const found = await deployment.json<Json>('db', 'list', ...argv);
    const sent = (deployment.server?.counts.operations.ListObjectsV2 ?? 0) - before;
    expect({ sent, listed: found.databases.length, next: found.next }).toEqual({ sent: requests, listed, next });
  });
});

function written(requests: Partial<typeof NONE>): Json {
  return {
    outcome: 'committed',
    version: expect.stringMatching(VERSION),
    attempts: 1,
    requests: { ...NONE, ...requests },
  };
}

function countsOf(operations: Readonly<Record<string, number>>): typeof NONE {
  const of = (name: string): number => operations[name] ?? 0;
  return {
    get: of('GetObject'),
    put: of('PutObject'),
    head: of('HeadObject'),
    delete: of('DeleteObject'),
    list: of('ListObjectsV2'),
  };
}
