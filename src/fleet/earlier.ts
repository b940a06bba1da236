import { closeSync, fstatSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { JavumboError } from '../core/failure.ts';
import { wholeLines } from '../core/whole-lines.ts';
import { headerOf, isSameWork, type JournalHeader, type Work } from './journal.ts';

// Longer than the last line of any journal.
const TAIL_BYTES = 64 * 1024;

/**
 * Throws `usage` if a journal of the folder, or one that it links to, says that the same work was done or begun on this
 * deployment, and not undone: done once more, it would change every database twice.
 */
export async function refuseRepetition(folder: string, deployment: string, work: Work): Promise<void> {
  for (const name of namesIn(folder)) {
    const path = realPathOf(join(folder, name));
    const header = path === undefined ? undefined : await firstLineOf(path);
    if (path === undefined || header?.deployment.id !== deployment || !isSameWork(header, work)) continue;
    const last = lastKindOf(path);
    if (last === 'undo') continue;
    const when = `${header.startedAt.slice(0, 16).replace('T', ' ')} UTC`;
    const done = last === 'end';
    throw new JavumboError(
      'usage',
      `the same ${work.kind} was ${done ? 'done' : 'begun, and not finished,'} on ${when}`,
      {
        try: done ? '--again, if it is to be done once more' : `--resume ${path}, or --again to do it once more`,
      },
    );
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.jsonl'));
  } catch {
    return [];
  }
}

function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    // What it links to is gone.
    return undefined;
  }
}

async function firstLineOf(path: string): Promise<JournalHeader | undefined> {
  try {
    for await (const line of wholeLines(path, () => new Error('it never ends'))) return headerOf(line);
  } catch {
    // It is no journal that anybody could resume.
  }
  return undefined;
}

/** Returns what the last whole line of a journal is. */
function lastKindOf(path: string): string | undefined {
  const file = openSync(path, 'r');
  try {
    const { size } = fstatSync(file);
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(file, tail, 0, tail.length, size - tail.length);
    const last = tail.toString('utf8').split('\n').at(-2) ?? '';
    return /^\{"kind":"([a-z]+)"/.exec(last)?.[1];
  } finally {
    closeSync(file);
  }
}
