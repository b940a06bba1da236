import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import { inParallel } from '../core/parallel.ts';
import { seededRandom } from '../core/random.ts';
import { createCollection } from '../library/collection.ts';
import type { OpenedUserDatabases } from '../library/open.ts';
import { SCRIPTS, startScript } from './child-process.ts';
import type { Json } from './run-command.ts';

const WRITERS = 8;

/** A deployment whose users are migrated. */
export interface MigratedDeployment {
  /** The environment and the global options of commands on it. */
  readonly env: NodeJS.ProcessEnv;
  readonly flags: readonly string[];
  readonly databases: OpenedUserDatabases;
  /** Whether the store has the versions before. */
  readonly versions: boolean;
}

/** What happened, for whoever measures. */
export interface Figures {
  readonly users: number;
  readonly killed: number;
  /** Commits of the others. */
  readonly byOthers: number;
  readonly undone: Json;
}

/**
 * Migrates so many users by a command that is killed (kill -9) at so many seeded lengths of its journal and resumed each
 * time, while eight other writers change the same users; then undoes it. Everybody must be migrated once, the journal
 * must say so of everybody, and nothing of the others may be lost.
 */
export async function migrateUnderKills(
  { env, flags, databases, versions }: MigratedDeployment,
  { users, kills }: { readonly users: number; readonly kills: number },
): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-fleet-'));
  try {
    const usernames = Array.from({ length: users }, (_, index) => `user-${String(index).padStart(5, '0')}`);
    const made = inParallel(usernames, 8, (username) =>
      databases.create(username, (database) => {
        createCollection(database);
        database.exec('CREATE TABLE counter (n); INSERT INTO counter VALUES (0); CREATE TABLE others (x)');
      }),
    );
    for await (const _ of made);
    const journal = join(directory, 'journal.jsonl');
    const script = join(directory, 'migration.sql');
    writeFileSync(script, 'UPDATE counter SET n = n + 1');
    const begin = ['--journal', journal, ...(versions ? [] : ['--keep', join(directory, 'kept')])];
    const run = async (
      argv: readonly string[],
      dies?: { readonly lines: number; readonly afterMs: number },
    ): Promise<{ killed: boolean; document: Json }> => {
      const all = ['fleet', ...argv, '--json', '--quiet', ...flags];
      const dying = dies && {
        DYING_JOURNAL: journal,
        DYING_LINES: String(dies.lines),
        DYING_AFTER_MS: String(dies.afterMs),
      };
      const script = dies === undefined ? SCRIPTS.javumbo : SCRIPTS.dyingCommand;
      const running = startScript(script, all, { ...(env as Record<string, string>), ...dying });
      const { code, signal, stdout, stderr } = await running.ended;
      if (signal === 'SIGKILL') return { killed: true, document: undefined };
      expect({ argv, stderr }).toEqual({ argv, stderr: '' });
      return { killed: false, document: { code, ...JSON.parse(stdout) } };
    };

    const writers = new Writers(databases, usernames);
    const random = seededRandom(18);
    const lengths = Array.from({ length: kills }, () => 1 + Math.floor(random.fraction() * 2 * users)).sort(
      (a, b) => a - b,
    );
    let killed = 0;
    for (const length of lengths) {
      const resume = existsSync(journal) ? ['--resume', journal] : begin;
      // The first one at once; later ones while what the journal has announced is on its way.
      const afterMs = killed === 0 ? 0 : Math.floor(random.fraction() * 4);
      const result = await run(['exec', '--file', script, ...resume], { lines: length, afterMs });
      if (!result.killed) break;
      killed++;
    }
    const { document } = await run(['exec', '--file', script, '--resume', journal]);
    const acknowledged = await writers.stop();
    // Few may have been left when the last kill came.
    expect(killed).toBeGreaterThanOrEqual(Math.min(kills, 1));
    expect({ code: document.code, unknown: document.counts.unknown }).toEqual({ code: 0, unknown: undefined });

    const outcomes = new Map<string, string>();
    const lines = readFileSync(journal, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const { kind, username, outcome } of lines) if (kind === 'outcome') outcomes.set(username, outcome);
    expect(lines.at(-1)?.kind).toBe('end');
    expect([...outcomes].filter(([, outcome]) => outcome !== 'committed')).toEqual([]);
    expect(outcomes.size).toBe(users);
    const state = async (): Promise<Map<string, readonly [counter: number, others: number]>> => {
      const all = inParallel(usernames, 8, (username) =>
        databases.read(username, ({ database }) => {
          const { n, x } = database.prepare('SELECT n, (SELECT count(*) FROM others) AS x FROM counter').get() as Json;
          return [username, [n, x]] as const;
        }),
      );
      const found = new Map<string, readonly [number, number]>();
      for await (const [username, one] of all) found.set(username, one);
      return found;
    };
    const expected = (counterOf: (username: string) => number) =>
      new Map(usernames.map((username) => [username, [counterOf(username), acknowledged.get(username) ?? 0]]));
    expect(sorted(await state())).toEqual(sorted(expected(() => 1)));

    const undone = (await run(['undo', journal, '--yes'])).document;
    const back = new Map(undone.users.map((user: Json) => [user.username, user.outcome === 'committed' ? 0 : 1]));
    expect(new Set(undone.users.map(({ outcome }: Json) => outcome)).size).toBeLessThanOrEqual(2);
    expect((undone.counts.committed ?? 0) + (undone.counts.conflict ?? 0)).toBe(users);
    expect(sorted(await state())).toEqual(sorted(expected((username) => back.get(username) as number)));
    const byOthers = [...acknowledged.values()].reduce((sum, count) => sum + count, 0);
    return { users, killed, byOthers, undone: undone.counts };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const sorted = <T>(map: Map<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

/** Others who change the same users all the while. */
class Writers {
  readonly #databases: OpenedUserDatabases;
  readonly #usernames: readonly string[];
  readonly #acknowledged = new Map<string, number>();
  readonly #working: Promise<unknown>;
  #over = false;

  constructor(databases: OpenedUserDatabases, usernames: readonly string[]) {
    this.#databases = databases;
    this.#usernames = usernames;
    this.#working = Promise.all(Array.from({ length: WRITERS }, (_, index) => this.#write(index)));
  }

  /** Returns how many changes of each user were acknowledged. */
  async stop(): Promise<Map<string, number>> {
    this.#over = true;
    await this.#working;
    return this.#acknowledged;
  }

  async #write(seed: number): Promise<void> {
    const random = seededRandom(seed);
    while (!this.#over) {
      const username = this.#usernames[Math.floor(random.fraction() * this.#usernames.length)] ?? '';
      try {
        await this.#databases.update(username, (database) => database.exec('INSERT INTO others VALUES (1)'));
        this.#acknowledged.set(username, (this.#acknowledged.get(username) ?? 0) + 1);
      } catch (error) {
        // Nothing of it is stored.
        if (!(error instanceof JavumboError) || error.kind !== 'conflict') throw error;
      }
      await setTimeout(random.fraction() * 20);
    }
  }
}
