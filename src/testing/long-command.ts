import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Endless SQL. */
export const ENDLESS = 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c';

// The first signal of the mask, and handled together with Ctrl-C: that one Node itself handles from its start.
const SIGHUP_BIT = 0b1;

/** Returns the first child of a process, once there is one. */
export async function childOf(pid: number): Promise<number> {
  for (;;) {
    const child = /\d+/.exec(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'))?.[0];
    if (child !== undefined) return Number(child);
    await sleep(20);
  }
}

/**
 * Resolves once a process is in SQL: it has used more processor time than its start takes, and handles Ctrl-C no more (or,
 * as a container, never did).
 */
export async function busy(pid: number): Promise<void> {
  while (userTicks(pid) < 60 || catchesSignals(pid)) await sleep(10);
}

/** Resolves once a process handles Ctrl-C. */
export async function handlesInterrupt(pid: number): Promise<void> {
  while (!catchesSignals(pid)) await sleep(10);
}

/** Resolves once a process has opened a file and waits in SQLite, where it handles Ctrl-C no more. */
export async function waitsAt(pid: number, file: string): Promise<void> {
  const opened = (): boolean =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`) === file;
      } catch {
        // It was closed between the two looks.
        return false;
      }
    });
  while (!opened() || catchesSignals(pid)) await sleep(10);
}

function userTicks(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[11]);
}

function catchesSignals(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  return (Number.parseInt(caught.slice(-1), 16) & SIGHUP_BIT) !== 0;
}

/** Resolves once a process has ended, reaped or not. */
export async function gone(pid: number): Promise<void> {
  const ended = (): boolean => !existsSync(`/proc/${pid}`) || /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  while (!ended()) await sleep(20);
}
