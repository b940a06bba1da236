import type { Command } from 'commander';
import type { CacheFile, CacheLimitsToKeep } from '../../cleanup/cache-files.ts';
import { ageSecondsOf, type CleanResult, cleanResult } from '../../cleanup/plan.ts';
import { parseAge, parseSize } from '../../cli/arguments.ts';
import type { Cell } from '../../cli/cells.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
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

export type TmpResult =
  | { readonly kind: 'cleaned'; readonly result: CleanResult }
  | { readonly kind: 'list'; readonly files: readonly TmpFile[] }
  | { readonly kind: 'stats'; readonly stats: TmpStats };

export const MAX_AGE_DEFAULT_MS = 3_600_000;
export const TARGET_SIZE_DEFAULT_BYTES = 1_500_000_000;

export function registerCleanTmp(parent: Command, execute: Execute): void {
  const command = parent
    .command('tmp')
    .description('remove cached files and orphaned working copies of every deployment; never one in use')
    .option(
      '--max-age <duration>',
      'remove what has been unused for longer (default: 1h)',
      parseAge,
      MAX_AGE_DEFAULT_MS,
    )
    .option(
      '--target-size <megabytes>',
      'then remove the oldest, down to this size (default: 1500 MB)',
      parseSize,
      TARGET_SIZE_DEFAULT_BYTES,
    )
    .option('--pattern <glob>', "only files whose name matches, such as '*.anki2'")
    .option('--stats', 'only show how much there is')
    .option('--list', 'only show each file with its age and size')
    .option('--dry-run', 'only show what would be removed')
    .addHelpText('after', '\nExample:\n  $ javumbo clean tmp --max-age 30m --dry-run');
  command.action((options: TmpOptions) => execute(command, (invocation) => cleanTmp(invocation, options), tmpView));
}

export async function cleanTmp(invocation: Invocation, options: TmpOptions): Promise<TmpResult> {
  const { stats = false, list = false, dryRun = false, pattern, maxAge, targetSize } = options;
  if ([stats, list, dryRun].filter(Boolean).length > 1) {
    throw new JavumboError('usage', '--stats, --list and --dry-run exclude each other', { try: 'one of the three' });
  }
  const { listCacheFiles } = await import('../../cleanup/cache-files.ts');
  const { clock } = invocation.context;
  const root = invocation.config.cacheDir.value;
  const now = clock.now();
  const files = listCacheFiles(root, clock);
  const shown = ({ kind, name, sizeBytes, lastUsedAt, inUse }: CacheFile): TmpFile => {
    return { kind, name, sizeBytes, ageSeconds: ageSecondsOf(lastUsedAt, now), inUse };
  };
  if (list) return { kind: 'list', files: files.map(shown) };
  if (stats) return { kind: 'stats', stats: statsOf(root, files.map(shown)) };
  const result = await cleanCache(invocation, { pattern, ageMaxMs: maxAge, bytesMax: targetSize }, dryRun);
  return { kind: 'cleaned', result };
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

function statsOf(directory: string, files: readonly TmpFile[]): TmpStats {
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const [oldest = null, newest = null] = [files[0], files.at(-1)];
  const sharePercent = Math.round((sizeBytes / TMP_BYTES) * 10_000) / 100;
  return { directory, count: files.length, sizeBytes, sharePercent, oldest, newest };
}

export const tmpView: View<TmpResult> = {
  exitCode: (shown) => (shown.kind === 'cleaned' ? cleanView.exitCode(shown.result) : EXIT_CODE.ok),
  json: (shown) => {
    switch (shown.kind) {
      case 'cleaned':
        return shown.result;
      case 'list':
        return { files: shown.files };
      case 'stats':
        return shown.stats;
    }
  },
  table: (shown) => {
    switch (shown.kind) {
      case 'cleaned':
        return cleanView.table(shown.result);
      case 'list':
        return {
          head: ['file', 'size', 'age', 'state'],
          rows: shown.files.map(({ kind, name, sizeBytes, ageSeconds, inUse }) => [
            name,
            { bytes: sizeBytes },
            { seconds: ageSeconds },
            kind === 'cached-database' ? 'cached' : inUse ? 'in use' : 'orphaned',
          ]),
        };
      case 'stats':
        return { rows: statsRows(shown.stats) };
    }
  },
  text: (shown) => {
    if (shown.kind === 'cleaned') return cleanView.text(shown.result);
    return shown.kind === 'list' && shown.files.length === 0 ? 'no files' : '';
  },
};

function statsRows({ directory, count, sizeBytes, sharePercent, oldest, newest }: TmpStats): [string, Cell][] {
  const aged = (file: TmpFile | null): Cell =>
    file === null
      ? { people: '-', machines: '' }
      : {
          people: `${file.name}, ${formatAge(file.ageSeconds * 1000)} old`,
          machines: `${file.name} ${file.ageSeconds}`,
        };
  return [
    ['directory', directory],
    ['size', { bytes: sizeBytes }],
    ['share of 2,048 MB', { percent: sharePercent }],
    ['files', count],
    ['oldest', aged(oldest)],
    ['newest', aged(newest)],
  ];
}
