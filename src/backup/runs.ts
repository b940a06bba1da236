import { JavumboError } from '../core/failure.ts';
import type { BackupFolder } from './folder.ts';
import { addUser, type Counts, type ManifestHeader, noCounts, readManifest } from './manifest.ts';

/** One run of `backup create`, as its manifest tells. */
export interface Run extends Counts {
  /** The name of its manifest. */
  readonly name: string;
  /** Undefined where not even the first line is there. */
  readonly header: ManifestHeader | undefined;
  /** Undefined for a run that was stopped. */
  readonly endedAt: string | undefined;
  /** What is wrong with the manifest; undefined if nothing is. */
  readonly damage: string | undefined;
}

export function isComplete({ endedAt, damage }: Pick<Run, 'endedAt' | 'damage'>): boolean {
  return endedAt !== undefined && damage === undefined;
}

/** Reads one manifest to its end. A damaged one is described, not thrown. */
export async function readRun(folder: BackupFolder, name: string): Promise<Run> {
  let header: ManifestHeader | undefined;
  let endedAt: string | undefined;
  let damage: string | undefined;
  const counts = noCounts();
  try {
    for await (const line of readManifest(folder.runPath(name))) {
      if (line.kind === 'header') header = line.header;
      else if (line.kind === 'end') endedAt = line.end.endedAt;
      else addUser(counts, line.user);
    }
  } catch (error) {
    if (!(error instanceof JavumboError) || error.kind !== 'corrupt') throw error;
    damage = error.message;
  }
  return { name, header, endedAt, damage, ...counts };
}

/** Yields all runs, oldest first. */
export async function* allRuns(folder: BackupFolder): AsyncGenerator<Run> {
  for (const name of folder.runNames()) yield await readRun(folder, name);
}

/**
 * Returns the newest complete run, or the one whose time begins with `at`. Throws `not-found` if there is none, and
 * `corrupt` or `usage` if that one is damaged or was stopped.
 */
export async function chosenRun(folder: BackupFolder, at: string | undefined): Promise<Run> {
  const list = `javumbo backup list ${folder.path}`;
  const names = folder.runNames().reverse();
  if (at !== undefined) {
    // The name of its manifest, or a time as the list shows it.
    const wanted = at.endsWith('.jsonl') ? at : at.replace(/ UTC$/, '').replace(/[:.]/g, '-').replace(' ', 'T');
    const found = names.filter((name) => name.startsWith(wanted));
    const [name] = found;
    if (name === undefined || found.length > 1) {
      const message = name === undefined ? `no run began at ${at}` : `${found.length} runs began at ${at}`;
      throw new JavumboError(name === undefined ? 'not-found' : 'usage', message, { try: list });
    }
    const run = await readRun(folder, name);
    if (run.damage !== undefined) throw new JavumboError('corrupt', run.damage, { try: list });
    if (run.endedAt !== undefined) return run;
    throw new JavumboError('usage', `the run of ${at} was stopped, and does not have everybody`, { try: list });
  }
  for (const name of names) {
    const run = await readRun(folder, name);
    // An older one in its place would take people back further than they know.
    if (run.damage !== undefined) throw new JavumboError('corrupt', run.damage, { try: `${list}, and --run <time>` });
    if (isComplete(run)) return run;
  }
  throw new JavumboError('not-found', `${folder.path} holds no complete run`, { try: list });
}
