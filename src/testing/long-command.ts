import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** SQL that SQLite never comes to the end of. */
export const ENDLESS = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';

/** The first process that this one has started, once it has. */
export async function childOf(pid: number): Promise<number> {
  for (;;) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    if (child !== undefined && child !== '') return Number(child);
    await sleep(20);
  }
}

/** Resolves when a process has burnt more processor time than its start takes: SQLite is at work, and nothing else runs. */
export async function busy(pid: number): Promise<void> {
  for (let ticks = 0; ticks < 150; await sleep(20)) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks = Number(fields[11]);
  }
}

/** Resolves when a process has ended, whether or not anybody has asked how. */
export async function gone(pid: number): Promise<void> {
  const ended = (): boolean => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (!ended()) await sleep(20);
}
