import type { Command } from 'commander';
import pLimit from 'p-limit';
import { parsePositive } from '../../cli/arguments.ts';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { isoTime } from '../../core/format.ts';
import { parseUsername } from '../../core/username.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import { type PointInTime, UNVERSIONED_ID } from '../../history/points.ts';
import type { Execute, Invocation } from '../execute.ts';
import { allPoints } from './at.ts';

const LIMIT = 20;
const PARALLEL = 8;

interface HistoryOptions {
  readonly limit: number;
  readonly from?: string;
}

export interface HistoryReport {
  readonly username: string;
  readonly points: readonly (PointInTime & { readonly writer: 'javumbo' | 'other' | 'unknown' })[];
  /** The id from which the history goes on; null at its end. */
  readonly next: string | null;
}

export function registerDbHistory(parent: Command, execute: Execute): void {
  const command = parent
    .command('history <username>')
    .description('list the versions of a database that the store still has, newest first, deletions too')
    .option('--limit <n>', 'how many', parsePositive, LIMIT)
    .option('--from <id>', 'begin at this one: what an earlier list gave as next')
    .addHelpText('after', '\nExample:\n  $ javumbo db history alice --limit 5');
  command.action((username: string, options: HistoryOptions) =>
    execute(command, (invocation) => dbHistory(invocation, parseUsername(username), options), historyView),
  );
}

async function dbHistory(
  invocation: Invocation,
  username: string,
  { limit, from }: HistoryOptions,
): Promise<HistoryReport> {
  const deployment = await invocation.deployment();
  const all = await allPoints(deployment, username);
  const first = from === undefined ? 0 : all.findIndex(({ id }) => id === from);
  if (first === -1) {
    throw new JavumboError('not-found', `database "${username}" has no point in time ${JSON.stringify(from)}`, {
      try: `javumbo db history ${username}`,
      username,
    });
  }
  if (all.every(({ id }) => id === UNVERSIONED_ID)) {
    invocation.note('note: the bucket keeps no versions, so there is no past to go back to. try: javumbo doctor');
  }
  const shown = all.slice(first, first + limit);
  const asking = pLimit(PARALLEL);
  const points = await Promise.all(
    shown.map(async (point) => ({ ...point, writer: await asking(() => writerOf(deployment, username, point)) })),
  );
  return { username, points, next: all[first + limit]?.id ?? null };
}

/** Says who wrote a version: this program leaves its write ids. Costs a request for each. */
async function writerOf(
  { store }: Deployment,
  username: string,
  { id, deleted, current }: PointInTime,
): Promise<'javumbo' | 'other' | 'unknown'> {
  const past = current && id === UNVERSIONED_ID ? {} : { point: id };
  const trace = await store.trace(username, past).catch(() => undefined);
  if (trace === undefined || trace.kind === 'nothing') return 'unknown';
  if (trace.writes.length > 0) return 'javumbo';
  return deleted ? 'unknown' : 'other';
}

export const historyView: View<HistoryReport> = {
  json: ({ username, points, next }) => ({
    username,
    points: points.map(({ id, version, at, sizeBytes, writer, deleted, current }) => ({
      id,
      version: version ?? null,
      at: isoTime(at),
      sizeBytes,
      writer,
      deleted,
      current,
    })),
    next,
  }),
  table: ({ points }) => ({
    head: ['time (UTC)', 'size', 'by', '', 'id'],
    rows: points.map(({ at, sizeBytes, writer, deleted, current, id }) => [
      { time: at },
      deleted ? undefined : { bytes: sizeBytes },
      writer,
      deleted ? 'deleted' : current ? 'current' : '',
      id,
    ]),
  }),
  text: ({ username, points, next }) =>
    [
      ...(next === null ? [] : [`more: javumbo db history ${username} --from ${next}`]),
      ...(points.length > 1 ? [`go back: javumbo db restore ${username} --at <time or id>`] : []),
    ].join('\n'),
};
