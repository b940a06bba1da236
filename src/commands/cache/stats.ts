import type { Command } from 'commander';
import { versionCell } from '../../cli/cells.ts';
import type { View } from '../../cli/print.ts';
import { formatBytes } from '../../core/format.ts';
import type { Execute, Invocation } from '../execute.ts';

export interface CacheStats {
  readonly directory: string;
  readonly count: number;
  readonly sizeBytes: number;
  /** Least recently used first. */
  readonly entries: readonly CacheStatsEntry[];
}

interface CacheStatsEntry {
  readonly username: string;
  readonly version: string;
  readonly sizeBytes: number;
  /** Since the store last confirmed the version. */
  readonly ageSeconds: number;
  readonly unusedSeconds: number;
}

export function registerCacheStats(parent: Command, execute: Execute): void {
  const command = parent
    .command('stats')
    .description('show what is cached of this deployment')
    .addHelpText('after', '\nExample:\n  $ javumbo cache stats');
  command.action(() => execute(command, cacheStats, statsView));
}

export async function cacheStats(invocation: Invocation): Promise<CacheStats> {
  const { cache, clock } = await invocation.deployment();
  const entries = cache.entries().map(({ username, version, sizeBytes, validatedAt, usedAt }) => ({
    username,
    version,
    sizeBytes,
    ageSeconds: secondsBetween(validatedAt, clock.now()),
    unusedSeconds: secondsBetween(usedAt, clock.now()),
  }));
  const sizeBytes = entries.reduce((sum, entry) => sum + entry.sizeBytes, 0);
  return { directory: cache.directory, count: entries.length, sizeBytes, entries };
}

function secondsBetween(earlier: number, later: number): number {
  return Math.max(0, Math.round((later - earlier) / 100) / 10);
}

export const statsView: View<CacheStats> = {
  table: ({ entries }) => ({
    head: ['username', 'size', 'confirmed', 'used', 'version'],
    rows: entries.map(({ username, sizeBytes, ageSeconds, unusedSeconds, version }) => [
      username,
      { bytes: sizeBytes },
      { seconds: ageSeconds, suffix: 'ago' },
      { seconds: unusedSeconds, suffix: 'ago' },
      versionCell(version),
    ]),
  }),
  text: ({ count, sizeBytes, directory }) =>
    `${count} ${count === 1 ? 'entry' : 'entries'}, ${formatBytes(sizeBytes)} in ${directory}`,
};
