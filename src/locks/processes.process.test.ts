/** Processes of their own on one local lock table, some of which are killed. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Clock, systemClock } from '../core/clock.ts';
import { betterSqlite } from '../sqlite/better-sqlite.ts';
import { LocalLockTable } from './local-lock-table.ts';

// Long enough that no machine is so busy that it ends by itself.
const TTL_MS = 10 * 60_000;

let directory: string;
let home: string;
let children: ChildProcess[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-lock-processes-'));
  home = join(directory, 'new', 'home');
  children = [];
});

afterEach(async () => {
  await Promise.all(children.map(kill));
  rmSync(directory, { recursive: true, force: true });
});

test('of eight processes that make the table and acquire one user at once, one gets the lease', async () => {
  const racing = await start(8, `return await locks.acquire('alice', 'process ' + process.pid, ${TTL_MS});`);
  const answers = (await letGo(racing)) as { kind: string; owner?: string; lease?: { owner: string } }[];
  expect(answers.map(({ kind }) => kind).sort()).toEqual(['acquired', ...Array(7).fill('held')]);
  const winner = answers.find(({ kind }) => kind === 'acquired')?.lease?.owner;
  expect(new Set(answers.flatMap(({ owner }) => owner ?? []))).toEqual(new Set([winner]));
});

test('four processes that count in one file under the lease, five times each, count to twenty', async () => {
  const file = join(directory, 'counter');
  writeFileSync(file, '0');
  const counting = await start(
    4,
    `
    for (let round = 0; round < 5; round++) {
      const options = { ttlMs: ${TTL_MS}, waitMaxMs: ${TTL_MS}, clock: systemClock, random: systemRandom };
      await withLease(locks, 'alice', options, async () => {
        const count = Number(readFileSync(${JSON.stringify(file)}, 'utf8'));
        await systemClock.sleep(2);
        writeFileSync(${JSON.stringify(file)}, String(count + 1));
      });
    }
    return 'done';
    `,
  );
  expect(await letGo(counting)).toEqual(Array(4).fill('done'));
  expect(readFileSync(file, 'utf8')).toBe('20');
});

test('the lease of a process that was killed is held until it ends, and then the next one’s', async () => {
  const [holder] = await start(
    1,
    `
    await withLease(locks, 'alice', { ttlMs: ${TTL_MS}, waitMaxMs: 0, clock: systemClock, random: systemRandom },
      () => { process.send('working'); return systemClock.sleep(${TTL_MS}); });
    `,
  );
  if (holder === undefined) expect.fail('no child');
  expect(await letGo([holder])).toEqual(['working']);
  await kill(holder);
  const [now, later] = [open(systemClock), open(ahead(TTL_MS))];
  try {
    expect(await now.acquire('alice', 'next', TTL_MS)).toMatchObject({
      kind: 'held',
      owner: expect.stringContaining(`-${holder.pid}-`),
    });
    expect(await later.acquire('alice', 'next', TTL_MS)).toMatchObject({ kind: 'acquired' });
  } finally {
    now.close();
    later.close();
  }
});

test('processes that are killed in the middle of acquiring, renewing and releasing leave a table that works', async () => {
  const later = open(ahead(TTL_MS));
  try {
    for (let round = 0; round < 6; round++) {
      const busy = await start(
        3,
        `
        for (let count = 0; ; count++) {
          const answer = await locks.acquire('user-' + (count % 3), 'process ' + process.pid, ${TTL_MS});
          if (answer.kind === 'acquired') {
            await locks.renew(answer.lease, ${TTL_MS});
            await locks.release(answer.lease);
          }
          if (count === 20) process.send('busy');
        }
        `,
      );
      await letGo(busy);
      // Anywhere in their work: how long this takes decides nothing but where.
      await setTimeout(round * 3);
      await Promise.all(busy.map(kill));
      for (const username of ['user-0', 'user-1', 'user-2']) {
        const answer = await later.acquire(username, 'next', TTL_MS);
        if (answer.kind !== 'acquired') expect.fail(`${username} is held by ${answer.owner}`);
        expect(await later.release(answer.lease)).toBe(true);
      }
    }
  } finally {
    later.close();
  }
});

function open(clock: Clock): LocalLockTable {
  return new LocalLockTable(home, { clock, sqlite: betterSqlite });
}

/** The system's time, so many milliseconds later. */
function ahead(milliseconds: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + milliseconds };
}

/** Starts that many processes which wait to be let go before they run `lines`. */
async function start(processes: number, lines: string): Promise<ChildProcess[]> {
  const script = join(directory, 'child.mjs');
  const dist = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../dist', path)).href);
  writeFileSync(
    script,
    `
    import { readFileSync, writeFileSync } from 'node:fs';
    import { systemClock } from ${dist('core/clock.js')};
    import { systemRandom } from ${dist('core/random.js')};
    import { LocalLockTable } from ${dist('locks/local-lock-table.js')};
    import { betterSqlite } from ${dist('sqlite/better-sqlite.js')};
    import { withLease } from ${dist('locks/with-lease.js')};
    const locks = new LocalLockTable(${JSON.stringify(home)}, { clock: systemClock, sqlite: betterSqlite });
    const work = async () => {${lines}};
    process.once('message', () => work().then(
      (report) => { locks.close(); process.send(report, () => process.disconnect()); },
      (error) => { console.error(error); process.exit(1); },
    ));
    process.send('ready');
    `,
  );
  const started = Array.from({ length: processes }, () => fork(script, { execArgv: [] }));
  children.push(...started);
  await Promise.all(started.map(messageFrom));
  return started;
}

/** Lets them go together, and waits for what each has to say. */
async function letGo(waiting: readonly ChildProcess[]): Promise<unknown[]> {
  const reports = waiting.map(messageFrom);
  for (const child of waiting) child.send('go');
  return Promise.all(reports);
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

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
