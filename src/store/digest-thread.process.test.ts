/** The thread gives the answers that the caller's own would, and no program waits for it. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { startScript } from '../testing/child-process.ts';
import { temporaryDirectory } from '../testing/run-command.ts';
import { digestsOf } from './content-digest.ts';
import { DigestThread } from './digest-thread.ts';

const NAMES = ['content', 'md5', 'crc32', 'sha256'] as const;

const thread = new DigestThread();

afterEach(() => thread.close());

function file(size = 20_000_000): string {
  const path = join(temporaryDirectory(), 'file');
  writeFileSync(path, randomBytes(size));
  return path;
}

/** The number of threads that this process starts meanwhile. */
async function startedDuring(work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  const started = (): void => void count++;
  process.on('worker', started);
  await work();
  process.off('worker', started);
  return count;
}

describe('a digest thread', () => {
  test.each([0, 99, 5_000_000])('answers for %d bytes what the caller would compute', async (size) => {
    const path = file(size);
    const expected = await digestsOf(path, NAMES);
    expect(await thread.digestsOf(path, NAMES)).toEqual(expected);
    for (const name of NAMES) expect(await thread.digestsOf(path, [name])).toEqual({ [name]: expected[name] });
  });

  test('is started once, and again after it was closed', async () => {
    const path = file();
    const all = (): Promise<unknown> => Promise.all(NAMES.map((name) => thread.digestsOf(path, [name])));
    expect(await startedDuring(all)).toBe(1);
    expect(await startedDuring(all)).toBe(0);
    thread.close();
    thread.close();
    expect(await startedDuring(all)).toBe(1);
  });

  const MB = 1_000_000;
  test.each([
    { sizes: [5 * MB, 5 * MB, 5 * MB], threads: 0, helps: false },
    { sizes: [10 * MB], threads: 0, helps: false },
    { sizes: [10 * MB, 10 * MB, 10 * MB], threads: 1, helps: true },
    { sizes: [40 * MB], threads: 1, helps: true },
  ])('for files of $sizes bytes is started $threads times', async ({ sizes, threads, helps }) => {
    const expecting = async (): Promise<void> => {
      for (const size of sizes) thread.expect(size);
      await new Promise(setImmediate);
    };
    const thread = new DigestThread();
    expect(await startedDuring(expecting)).toBe(threads);
    expect(thread.helpsWith(sizes[0] ?? 0)).toBe(helps);
    thread.close();
  });

  test('that cannot be started leaves all to the caller', async () => {
    const path = file();
    const none = new DigestThread(join(temporaryDirectory(), 'no-program.cjs'));
    expect(await none.digestsOf(path, ['md5'])).toEqual(await digestsOf(path, ['md5']));
  });

  test('rejects for a file that cannot be read, with the code that the system gave, and goes on', async () => {
    const missing = join(temporaryDirectory(), 'missing');
    await expect(thread.digestsOf(missing, ['md5'])).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await startedDuring(() => thread.digestsOf(file(1), ['md5']))).toBe(0);
  });

  test('that is closed while it works leaves the rest to the caller', async () => {
    const path = file();
    const asked = NAMES.map((name) => thread.digestsOf(path, [name]));
    thread.close();
    expect(await Promise.all(asked)).toEqual(await Promise.all(NAMES.map((name) => digestsOf(path, [name]))));
  });
});

const STORE = fileURLToPath(new URL('../../dist/bundle/store.cjs', import.meta.url));

/** A program of somebody else, which never closes what it opened. `atClosed`: what it does while the thread works. */
const programOf = (atClosed: string): string => `
  const { DatabaseCache, MemoryDatabaseStore, sqliteEngine, systemClock: clock, systemRandom: random, UserDatabases } =
    require(${JSON.stringify(STORE)});
  process.on('worker', () => console.log('a thread'));
  const store = Object.assign(new MemoryDatabaseStore(clock), { bodyDigest: 'md5' });
  const cache = new DatabaseCache({ root: process.argv[2], deployment: 'test', clock, random });
  let commits = 0;
  const atStep = (step) => { if (step === 'closed' && ++commits === 2) { ${atClosed} } };
  const databases = new UserDatabases({
    store, cache, clock, random, atStep, sqlite: sqliteEngine, caching: true, stalenessMaxMs: 0,
  });
  databases.create('alice', (database) => database.exec(
    'CREATE TABLE t (x); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000) INSERT INTO t SELECT randomblob(1000) FROM n'
  )).then(() => databases.update('alice', (database) => database.exec('UPDATE t SET x = 1 WHERE rowid = 5')))
    .then(({ outcome }) => console.log(outcome), (error) => console.log(error.kind));
`;

describe('a program that stores a large database, and closes nothing', () => {
  test.each([
    { ends: 'by its last line', atClosed: '', code: 0, stdout: 'a thread\ncommitted\n' },
    { ends: 'by process.exit', atClosed: 'process.exit(3)', code: 3, stdout: 'a thread\n' },
    { ends: 'by a signal', atClosed: "process.kill(process.pid, 'SIGINT')", signal: 'SIGINT', stdout: 'a thread\n' },
    {
      ends: 'by its handler of a signal',
      atClosed: "process.on('SIGINT', () => process.exit(130)); process.kill(process.pid, 'SIGINT')",
      code: 130,
      stdout: 'a thread\n',
    },
    { ends: 'by an error', atClosed: "throw new Error('no')", code: 0, stdout: 'a thread\nundefined\n' },
  ])('ends $ends', async ({ atClosed, code = null, signal = null, stdout }) => {
    const path = join(temporaryDirectory(), 'program.cjs');
    writeFileSync(path, programOf(atClosed));
    const ended = await startScript(path, [temporaryDirectory()], {}).ended;
    expect(ended).toMatchObject({ code, signal, stdout, stderr: '' });
  });
});
