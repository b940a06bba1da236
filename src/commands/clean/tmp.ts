import { type Command, Option } from 'commander';
import type { CacheFile, CacheLimitsToKeep } from '../../cleanup/cache-files.ts';
import { ageSecondsOf, type CleanResult, cleanResult } from '../../cleanup/plan.ts';
import { parseAge, parseSize } from '../../cli/arguments.ts';
import type { Cell } from '../../cli/cells.ts';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatAge } from '../../core/format.ts';
import type { Execute, Invocation } from '../execute.ts';
import { cleanView } from './plan.ts';

// Week 1's size of a Lambda function's /tmp.
const TMP_BYTES = 2_048_000_000;

interface TmpOptions {
  readonly stats?: boolean;
  readonly list?: boolean;
  readonly dryRun?: boolean;
  readonly pattern?: string;
  readonly maxAge: number;
  readonly targetSize: number;
}

interface TmpFile {
  readonly kind: CacheFile['kind'];
  readonly name: string;
  readonly sizeBytes: number;
  readonly ageSeconds: number;
  readonly inUse: boolean;
}

interface TmpStats {
  readonly directory: string;
  readonly count: number;
  readonly sizeBytes: number;
  /** Of the 2,048 MB that a Lambda function has. */
  readonly sharePercent: number;
  readonly oldest: TmpFile | null;
  readonly newest: TmpFile | null;
}

export const MAX_AGE_DEFAULT_MS = 3_600_000;
export const TARGET_SIZE_DEFAULT_BYTES = 1_500_000_000;

export function registerCleanTmp(parent: Command, execute: Execute): void {
  const command = parent
    .command('tmp')
    .description('remove cached files and orphaned working copies of every deployment; never one in use')
    .addOption(
      new Option('--max-age <duration>', 'remove what has been unused for longer')
        .argParser(parseAge)
        .default(MAX_AGE_DEFAULT_MS, '1h'),
    )
    .addOption(
      new Option('--target-size <size>', 'then remove the oldest, down to this size')
        .argParser(parseSize)
        .default(TARGET_SIZE_DEFAULT_BYTES, '1500 MB'),
    )
    .option('--pattern <glob>', "only files whose name matches, such as '*.anki2'")
    .option('--stats', 'only show how much there is')
    .option('--list', 'only show each file with its age and size')
    .option('-n, --dry-run', 'only show what would be removed')
    .addHelpText('after', '\nExample:\n  $ javumbo clean tmp --max-age 30m --dry-run');
  command.action((options: TmpOptions) => {
    const { stats = false, list = false, dryRun = false, pattern, maxAge, targetSize } = options;
    const limits = { pattern, ageMaxMs: maxAge, bytesMax: targetSize };
    const checked =
      <T>(run: (invocation: Invocation) => Promise<T>) =>
      async (invocation: Invocation): Promise<T> => {
        if ([stats, list, dryRun].filter(Boolean).length <= 1) return run(invocation);
        throw new JavumboError('usage', '--stats, --list and --dry-run exclude each other', {
          try: 'one of the three',
        });
      };
    if (list) return execute(command, checked(listTmp), listView);
    if (stats) return execute(command, checked(statsOfTmp), statsView);
    return execute(
      command,
      checked((invocation) => cleanCache(invocation, limits, dryRun)),
      cleanView,
    );
  });
}

async function listTmp({ config, context: { clock } }: Invocation): Promise<{ readonly files: readonly TmpFile[] }> {
  const { listCacheFiles } = await import('../../cleanup/cache-files.ts');
  const now = clock.now();
  return {
    files: listCacheFiles(config.cacheDir.value, clock).map(({ kind, name, sizeBytes, lastUsedAt, inUse }) => {
      return { kind, name, sizeBytes, ageSeconds: ageSecondsOf(lastUsedAt, now), inUse };
    }),
  };
}

async function statsOfTmp(invocation: Invocation): Promise<TmpStats> {
  const { files } = await listTmp(invocation);
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const [oldest = null, newest = null] = [files[0], files.at(-1)];
  const sharePercent = Math.round((sizeBytes / TMP_BYTES) * 10_000) / 100;
  return { directory: invocation.config.cacheDir.value, count: files.length, sizeBytes, sharePercent, oldest, newest };
}

/** Removes what exceeds these limits from the cache directory. */
export async function cleanCache(
  { config, context }: Invocation,
  limits: CacheLimitsToKeep,
  dryRun: boolean,
): Promise<CleanResult> {
  const { filesToRemove, listCacheFiles, plannedCacheFile, removeCacheFiles } = await import(
    '../../cleanup/cache-files.ts'
  );
  const { clock, random } = context;
  const now = clock.now();
  const removed = filesToRemove(listCacheFiles(config.cacheDir.value, clock), limits, now);
  if (!dryRun) removeCacheFiles(removed, { clock, random });
  return cleanResult(
    removed.map((file) => plannedCacheFile(file, now)),
    dryRun,
  );
}

const listView: View<{ readonly files: readonly TmpFile[] }> = {
  table: ({ files }) => ({
    head: ['file', 'size', 'age', 'state'],
    rows: files.map(({ kind, name, sizeBytes, ageSeconds, inUse }) => [
      name,
      { bytes: sizeBytes },
      { seconds: ageSeconds },
      kind === 'cached-database' ? 'cached' : inUse ? 'in use' : 'orphaned',
    ]),
  }),
  text: ({ files }) => (files.length === 0 ? 'no files' : ''),
};

const statsView: View<TmpStats> = {
  fields: ({ directory, count, sizeBytes, sharePercent, oldest, newest }) => ({
    directory,
    size: { bytes: sizeBytes },
    'share of 2,048 MB': { percent: sharePercent },
    files: count,
    oldest: aged(oldest),
    newest: aged(newest),
  }),
};

function aged(file: TmpFile | null): Cell {
  if (file === null) return { people: '-', machines: '' };
  const { name, ageSeconds } = file;
  return { people: `${name}, ${formatAge(ageSeconds * 1000)} old`, machines: `${name} ${ageSeconds}` };
}
