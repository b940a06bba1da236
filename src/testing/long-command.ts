import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Endless SQL. */
export const ENDLESS = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';

/** Returns the first child of a process, once it has one. */
export async function childOf(pid: number): Promise<number> {
  for (;;) {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    if (child !== undefined && child !== '') return Number(child);
    await sleep(20);
  }
}

/** Resolves once a process has used more processor time than its start takes: SQLite is at work. */
export async function busy(pid: number): Promise<void> {
  for (let ticks = 0; ticks < 150; await sleep(20)) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    ticks = Number(fields[11]);
  }
}

/** Resolves once a process has ended, reaped or not. */
export async function gone(pid: number): Promise<void> {
  const ended = (): boolean => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (!ended()) await sleep(20);
}
