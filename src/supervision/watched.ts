import type { Context } from '../cli/context.ts';
import { announcementsTo, interrupted } from './announcements.ts';
import { Interruption } from './interruption.ts';
import { Knowledge } from './knowledge.ts';

type Work = (given: Pick<Context, 'signal' | 'announcements'>) => Promise<number>;

/**
 * Runs work that is never long in native code, and stops it at a signal. `abandoned`: it did not stop in time, and what
 * is left of it must not keep the process.
 */
export async function runWatched(
  argv: readonly string[],
  work: Work,
): Promise<{ readonly code: number; readonly abandoned: boolean }> {
  const known = new Knowledge();
  const stopping = new AbortController();
  let force = (): void => {};
  const forced = new Promise<void>((resolve) => {
    force = resolve;
  });
  const interruption = new Interruption(() => stopping.abort(interrupted()), force);
  const announcements = announcementsTo(async (message) => known.add(message));
  try {
    const ended = work({ signal: stopping.signal, announcements });
    const code = await Promise.race([ended, forced]);
    if (code !== undefined) return { code, abandoned: false };
  } finally {
    interruption.over();
  }
  const { finishFor } = await import('./aftermath.ts');
  return { code: await finishFor(argv, { runId: '', known, killedBy: undefined }), abandoned: true };
}
