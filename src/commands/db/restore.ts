import { copyFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatTime, isoTime } from '../../core/format.ts';
import { refuseTestUser } from '../../core/test-data.ts';
import { parseUsername } from '../../core/username.ts';
import type { ReplaceOver, UserDatabases } from '../../databases/user-databases.ts';
import { type PointInTime, UNVERSIONED_ID } from '../../history/points.ts';
import { isDamage } from '../../sqlite/failure.ts';
import type { Execute, Invocation } from '../execute.ts';
import { allPoints, pastContent } from './at.ts';
import { operatorDatabases, reportWrite, type WriteReport, writeView } from './outcome.ts';
import { changesInWords, countedDiff, type VersionFile, withVersion } from './two-versions.ts';

interface RestoreOptions {
  readonly at: string;
  readonly yes?: boolean;
}

export interface RestoreReport extends WriteReport {
  readonly restored: Pick<PointInTime, 'id' | 'at'>;
  /** The point that was current until now; null if the database was deleted. */
  readonly undo: Pick<PointInTime, 'id'> | null;
}

export function registerDbRestore(parent: Command, execute: Execute): void {
  const command = parent
    .command('restore <username>')
    .description('make an earlier version current again, as a new commit; also after a delete')
    .requiredOption('--at <time>', 'as it was then: 2026-11-26T10:00, 2h or 3d ago, or an id of db history')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ javumbo db restore alice --at 2h');
  command.action((username: string, options: RestoreOptions) =>
    execute(command, (invocation) => dbRestore(invocation, parseUsername(username), options), restoreView),
  );
}

/** Throws `conflict` if somebody commits between the question and the commit. */
export async function dbRestore(
  invocation: Invocation,
  username: string,
  { at, yes = false }: RestoreOptions,
): Promise<RestoreReport> {
  refuseTestUser(username);
  const { context } = invocation;
  const deployment = await invocation.deployment();
  const points = await allPoints(deployment, username);
  const target = pastContent(points, at, username, context.clock.now());
  const [newest] = points;
  const current = newest?.current === true && !newest.deleted ? newest : undefined;
  const databases = operatorDatabases(deployment, invocation);
  return withVersion(databases, username, target, async (file) => {
    if (current !== undefined) {
      const stored = await deployment.store.trace(username);
      const same = stored.kind === 'database' && file.digest !== undefined && file.digest === stored.digest;
      if (same || target.id === current.id) return unchanged(username, target, current);
      const changes = yes ? '' : await changesTo(invocation, databases, username, current, file);
      await ask(invocation, username, { target, current, changes, yes });
    }
    const over: ReplaceOver =
      current?.version === undefined ? { kind: 'nothing' } : { kind: 'version', version: current.version };
    const report = await reportWrite(invocation, username, (writing) =>
      writing.replace(username, over, (path) => copyFile(file.path, path)),
    );
    const undo = current === undefined || current.id === UNVERSIONED_ID ? null : { id: current.id };
    if (undo !== null) invocation.note(`undo: javumbo db restore ${username} --at ${undo.id}`);
    return { ...report, restored: { id: target.id, at: target.at }, undo };
  });
}

/** Says which rows come and go. A current version that is damaged is what a restore is for. */
async function changesTo(
  invocation: Invocation,
  databases: UserDatabases,
  username: string,
  current: PointInTime,
  file: VersionFile,
): Promise<string> {
  try {
    return await withVersion(databases, username, current, async (now) =>
      changesInWords(await countedDiff(invocation, now, file)),
    );
  } catch (error) {
    const damaged = error instanceof JavumboError && error.kind === 'corrupt';
    if (damaged || isDamage(error)) return 'the current version is damaged';
    throw error;
  }
}

async function ask(
  { context }: Invocation,
  username: string,
  {
    target,
    current,
    changes,
    yes,
  }: {
    readonly target: PointInTime;
    readonly current: PointInTime;
    readonly changes: string;
    readonly yes: boolean;
  },
): Promise<void> {
  const { confirm } = await import('../../cli/prompt.ts');
  await confirm(context, {
    what: `This makes database "${username}" what it was at ${formatTime(target.at)} UTC (${changes})`,
    word: username,
    yes,
    look: `javumbo db diff ${username} --from ${current.id} --to ${target.id}`,
    spared: 'nothing was changed',
  });
}

function unchanged(username: string, { id, at, version = '' }: PointInTime, current: PointInTime): RestoreReport {
  const requests = { get: 0, head: 0, put: 0, list: 0, delete: 0 };
  return {
    username,
    outcome: 'unchanged',
    version: current.version ?? version,
    attempts: 0,
    requests: requests as WriteReport['requests'],
    restored: { id, at },
    undo: null,
  };
}

export const restoreView: View<RestoreReport> = {
  json: ({ username: _, restored, ...report }) => ({ ...report, restored: { ...restored, at: isoTime(restored.at) } }),
  fields: (report) => ({
    ...writeView.fields?.(report),
    restored: { time: report.restored.at, suffix: 'UTC' },
  }),
};
