import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningScript } from './child-process.ts';

/** SQL that SQLite never comes to the end of. */
export const ENDLESS = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';

/** The process with the command's own work, which its supervisor has started. */
export async function workOf({ pid }: Pick<RunningScript, 'pid'>): Promise<number> {
  for (;;) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    if (child !== undefined && child !== '') return Number(child);
    await sleep(20);
  }
}

/**
 * Resolves with the work's process when it has burnt some processor time: SQLite is at work, and nothing else runs in its
 * thread.
 */
export async function busy(running: Pick<RunningScript, 'pid'>): Promise<number> {
  const work = await workOf(running);
  for (let ticks = 0; ticks < 100; await sleep(20)) {
    const fields = readFileSync(`/proc/${work}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks = Number(fields[11]);
  }
  return work;
}

/** Resolves when a process has ended, whether or not anybody has asked how. */
export async function gone(pid: number): Promise<void> {
  const ended = (): boolean => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (!ended()) await sleep(20);
}
