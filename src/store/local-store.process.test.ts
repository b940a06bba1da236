import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { create, put } from '../testing/stores.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { LocalDatabaseStore } from './local-store.ts';

describe('the local store', () => {
  let root: string;
  let opened: LocalDatabaseStore[];
  const open = (at = root): LocalDatabaseStore => {
    const store = localStore(at);
    opened.push(store);
    return store;
  };

  beforeEach(() => {
    root = temporaryDirectory();
    opened = [];
  });

  afterEach(() => {
    for (const store of opened) store.close();
    rmSync(root, { recursive: true, force: true });
  });

  test('a deployment keeps its id and its databases from one process to the next, and another has another id', async () => {
    const first = open();
    const { id } = first;
    const version = await create(first, 'alice', 'one');
    first.close();
    const second = open();
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(second.id).toBe(id);
    expect(await second.head('alice')).toMatchObject({ version });
    expect(open(join(root, 'another')).id).not.toBe(id);
  });

  test('a file that is missing under its row is corruption, and names the user', async () => {
    const store = open();
    await create(store, 'alice', 'one');
    await create(store, 'bob', 'one');
    for (const file of filesOf('alice')) rmSync(join(root, 'databases', 'alice', file));
    await expect(store.get('alice', join(root, 'fetched'))).rejects.toMatchObject({
      name: 'JavumboError',
      kind: 'corrupt',
      username: 'alice',
      message: expect.stringContaining('"alice"'),
    });
    expect(await store.get('bob', join(root, 'fetched'))).toMatchObject({ kind: 'found' });
  });

  test('a database whose file is missing can be replaced and deleted', async () => {
    const store = open();
    const version = await create(store, 'alice', 'one');
    await create(store, 'bob', 'one');
    for (const username of ['alice', 'bob']) rmSync(join(root, 'databases', username), { recursive: true });
    expect((await put(store, 'alice', 'two', version)).kind).toBe('committed');
    expect(await store.get('alice', join(root, 'fetched'))).toMatchObject({ kind: 'found', sizeBytes: 3 });
    expect(await store.delete('bob')).toEqual({ kind: 'deleted' });
  });

  test("what a killed put left in a user's folder is gone after the user's next put, and nothing else is", async () => {
    const store = open();
    const version = await create(store, 'alice', 'one');
    await create(store, 'bob', 'one');
    const orphans = ['0123456789abcdef0123456789abcdef.anki2', 'half-a-copy'];
    for (const username of ['alice', 'bob']) {
      for (const name of orphans) writeFileSync(join(root, 'databases', username, name), 'left behind');
    }
    writeFileSync(join(root, 'notes.txt'), 'the user’s own');
    mkdirSync(join(root, 'databases', 'carol'));
    writeFileSync(join(root, 'databases', 'carol', 'orphan.anki2'), 'left behind');
    const before = { bob: filesOf('bob'), carol: filesOf('carol') };

    expect((await put(open(), 'alice', 'two', version)).kind).toBe('committed');

    expect(filesOf('alice')).toHaveLength(2);
    expect(filesOf('alice')).not.toEqual(expect.arrayContaining(orphans));
    expect({ bob: filesOf('bob'), carol: filesOf('carol') }).toEqual(before);
    expect(readdirSync(root)).toContain('notes.txt');
    expect(await store.get('alice', join(root, 'fetched'))).toMatchObject({ sizeBytes: 3 });
    expect(await store.get('bob', join(root, 'fetched'))).toMatchObject({ sizeBytes: 3 });
  });

  test('a put that is refused removes nothing', async () => {
    const store = open();
    await create(store, 'alice', 'one');
    writeFileSync(join(root, 'databases', 'alice', 'orphan'), 'left behind');
    expect(await put(store, 'alice', 'two', undefined)).toMatchObject({ kind: 'conflict' });
    expect(filesOf('alice')).toHaveLength(2);
  });

  test('one file for each version, which a delete leaves, and none when the history is removed', async () => {
    const [store, other] = [open(), open()];
    let version = await create(store, 'alice', 'content 0');
    for (let index = 1; index <= 6; index++) {
      const outcome = await put(index % 2 === 0 ? store : other, 'alice', `content ${index}`, version);
      if (outcome.kind !== 'committed') expect.fail(outcome.kind);
      version = outcome.version;
      expect(filesOf('alice')).toHaveLength(index + 1);
    }
    await other.delete('alice');
    expect(filesOf('alice')).toHaveLength(7);
    for (const { id } of store.files.points('alice')) await other.files.removePoint('alice', String(id));
    expect(readdirSync(join(root, 'databases'))).toEqual([]);
  });

  const requests: { name: string; request: (store: LocalDatabaseStore) => Promise<unknown> }[] = [
    { name: 'get', request: (store) => store.get('alice', join(root, 'fetched')) },
    { name: 'head', request: (store) => store.head('alice') },
    { name: 'put', request: (store) => put(store, 'alice', 'one', undefined) },
    { name: 'delete', request: (store) => store.delete('alice') },
    { name: 'list', request: (store) => store.list() },
    { name: 'id', request: async (store) => store.id },
  ];
  for (const { name, request } of requests) {
    test(`${name} below a file instead of a directory is a failure that says what to do`, async () => {
      writeFileSync(join(root, 'file'), 'not a directory');
      await expect(request(open(join(root, 'file', 'home')))).rejects.toMatchObject({
        name: 'JavumboError',
        kind: expect.stringMatching(/^(unavailable|usage)$/),
        retryable: false,
        try: expect.stringContaining('JAVUMBO_HOME'),
      });
    });

    test(`${name} with an index that is no SQLite file is corruption`, async () => {
      writeFileSync(join(root, 'index.sqlite'), 'no database, but long enough to be taken for one. '.repeat(20));
      await expect(request(open())).rejects.toMatchObject({ name: 'JavumboError', kind: 'corrupt' });
    });
  }

  for (const { name, request } of requests.filter(({ name }) => name !== 'id')) {
    const mark = ['get', 'head', 'list'].includes(name) ? 'BUG: ' : '';
    test(`${mark}${name} with an index whose table of databases is damaged is corruption`, async () => {
      const before = open();
      await create(before, 'alice', 'one');
      before.close();
      damageTable(join(root, 'index.sqlite'), 'databases');
      await expect(request(open())).rejects.toMatchObject({ name: 'JavumboError', kind: 'corrupt' });
    });
  }

  test('eight processes that make the same deployment at once agree on its id, and one of them creates the user', async () => {
    const home = join(root, 'new', 'deployment');
    const reports = await race(
      8,
      home,
      `
      const version = await put(store, 'alice', 'by ' + process.pid, undefined);
      return { id: store.id, kind: version.kind, pid: process.pid };
    `,
    );
    const ids = new Set(reports.map(({ id }) => id));
    expect([...ids]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(reports.map(({ kind }) => kind).sort()).toEqual(['committed', ...Array(7).fill('conflict')]);
    const store = open(home);
    const winner = reports.find(({ kind }) => kind === 'committed');
    expect(store.id).toBe(reports[0]?.id);
    expect(await store.head('alice')).toMatchObject({ sizeBytes: `by ${winner?.pid}`.length });
  });

  test('four processes that each append ten letters to one database lose none', async () => {
    const home = join(root, 'shared');
    await create(open(home), 'alice', '');
    const reports = await race(
      4,
      home,
      `
      let conflicts = 0;
      for (let done = 0; done < 10; ) {
        const path = join(directory, 'fetched-' + process.pid);
        const found = await store.get('alice', path);
        const outcome = await put(store, 'alice', readFileSync(path, 'utf8') + 'x', found.version);
        if (outcome.kind === 'committed') done++;
        else conflicts++;
      }
      return { conflicts };
    `,
    );
    expect(reports).toHaveLength(4);
    expect(await open(home).head('alice')).toMatchObject({ sizeBytes: 40 });
    expect(readdirSync(join(home, 'databases', 'alice'))).toHaveLength(41);
  });

  function filesOf(username: string): string[] {
    return readdirSync(join(root, 'databases', username)).sort();
  }

  /** Runs the same lines in so many processes, let go together when all have loaded the store; their reports. */
  async function race(processes: number, home: string, lines: string): Promise<Record<string, unknown>[]> {
    const script = join(root, 'child.mjs');
    const dist = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../dist', path)).href);
    writeFileSync(
      script,
      `
      import { readFileSync, writeFileSync } from 'node:fs';
      import { join } from 'node:path';
      import { systemClock } from ${dist('core/clock.js')};
      import { LocalDatabaseStore } from ${dist('store/local-store.js')};
      import { betterSqlite } from ${dist('sqlite/better-sqlite.js')};
      import { systemRandom } from ${dist('core/random.js')};
      const directory = ${JSON.stringify(root)};
      const store = new LocalDatabaseStore(${JSON.stringify(home)}, { clock: systemClock, random: systemRandom, sqlite: betterSqlite });
      const put = (store, username, content, base) => {
        const source = join(directory, 'source-' + process.pid);
        writeFileSync(source, content);
        const condition = base === undefined ? { kind: 'absent' } : { kind: 'version', version: base };
        return store.put(username, source, { condition, writes: [systemRandom.hex(16)] });
      };
      const work = async () => {${lines}};
      process.once('message', () => work().then(
        (report) => { store.close(); process.send(report, () => process.disconnect()); },
        (error) => { console.error(error); process.exit(1); },
      ));
      process.send('ready');
      `,
    );
    const children = Array.from({ length: processes }, () => fork(script, { execArgv: [] }));
    try {
      await Promise.all(children.map((child) => messageFrom(child)));
      const reports = children.map((child) => messageFrom(child));
      for (const child of children) child.send('go');
      return (await Promise.all(reports)) as Record<string, unknown>[];
    } finally {
      for (const child of children) child.kill('SIGKILL');
    }
  }
});

function localStore(root: string): LocalDatabaseStore {
  return new LocalDatabaseStore(root, { clock: systemClock, random: systemRandom, sqlite: betterSqlite });
}

/** The next message of a child; rejects when it ends without one. */
async function messageFrom(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  try {
    const [message] = await Promise.race([
      once(child, 'message', { signal: ended.signal }),
      once(child, 'exit', { signal: ended.signal }).then(([code]) =>
        Promise.reject(new Error(`a child ended with ${code}`)),
      ),
    ]);
    return message;
  } finally {
    ended.abort();
  }
}

/** Overwrites the pages that hold one table, and leaves the schema and all other tables as they are. */
function damageTable(path: string, table: string): void {
  const index = new Database(path);
  index.pragma('wal_checkpoint(TRUNCATE)');
  const pageSize = index.pragma('page_size', { simple: true }) as number;
  const rootPage = index.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').pluck().get(table) as number;
  index.close();
  const file = openSync(path, 'r+');
  writeSync(file, Buffer.alloc(pageSize, 0xee), 0, pageSize, pageSize * (rootPage - 1));
  closeSync(file);
}
