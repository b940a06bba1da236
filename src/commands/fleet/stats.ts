import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { formatBytes, formatCount, isoTime } from '../../core/format.ts';
import type { CountedUser, FleetStats } from '../../fleet/stats.ts';
import type { Execute, Invocation } from '../execute.ts';
import {
  fleetOptions,
  type OutputOptions,
  type SelectionFlags,
  selectionOf,
  selectionOptions,
  targetOf,
} from './options.ts';
import { collected, type FleetReport, fleetExitCode, fleetView } from './output.ts';

interface StatsOptions extends SelectionFlags, OutputOptions {
  readonly parallel: number;
  readonly withoutAccounts?: boolean;
  readonly deep?: boolean;
  readonly prices?: string;
}

interface StatsReport extends FleetReport {
  readonly returned: FleetStats;
  /** Of a month, by S3's price for what is stored; absent for the local deployment. */
  readonly cost:
    | {
        readonly usdPerMonth: number;
        readonly ofVersionsUsdPerMonth: number;
        readonly prices: { readonly date: string; readonly region: string; readonly source: string };
      }
    | undefined;
}

export function registerFleetStats(parent: Command, execute: Execute): void {
  const command = selectionOptions(
    parent.command('stats').description('count users, sizes, activity and versions, and what a month of them costs'),
  )
    .option('--deep', 'also open each database, and count its notes, cards and reviews')
    .option('--without-accounts', 'leave accounts out')
    .option('--prices <file>', 'prices to use instead of AWS’s, as JSON')
    .addHelpText('after', '\nExample:\n  $ javumbo fleet stats --deep');
  fleetOptions(command).action((options: StatsOptions) =>
    execute(command, (invocation) => fleetStats(invocation, options), statsView(options)),
  );
}

export async function fleetStats(invocation: Invocation, options: StatsOptions): Promise<StatsReport> {
  const { parallel, deep = false, withoutAccounts = false } = options;
  const [{ statsOfFleet }, { loadPrices }] = await Promise.all([
    import('../../fleet/stats.ts'),
    import('../../report/prices.ts'),
  ]);
  const table = await loadPrices(options.prices);
  const { clock, signal } = invocation.context;
  const { selection, users } = await selectionOf(invocation, options);
  const target = await targetOf(invocation, withoutAccounts ? 'no accounts' : 'accounts');
  const counting = (): AsyncGenerator<CountedRow, FleetStats> =>
    rowsOf(statsOfFleet(target, { selection, users, deep, parallel, clock, signal }));
  const report = await collected(invocation, options, 'counting', counting);
  const { sizes, versions } = report.returned;
  const { date, region, source, usdPerGbMonth } = table;
  const usd = (bytes: number): number => (bytes / 1e9) * usdPerGbMonth;
  const cost = {
    usdPerMonth: usd(sizes.totalBytes + versions.bytes),
    ofVersionsUsdPerMonth: usd(versions.bytes),
    prices: { date, region, source },
  };
  return { ...report, cost: target.deployment.kind === 'local' ? undefined : cost };
}

type CountedRow = Omit<CountedUser, 'lastModified'> & { readonly lastModified: string };

async function* rowsOf(users: AsyncGenerator<CountedUser, FleetStats>): AsyncGenerator<CountedRow, FleetStats> {
  for (let next = await users.next(); ; next = await users.next()) {
    if (next.done === true) return next.value;
    yield { ...next.value, lastModified: isoTime(next.value.lastModified) };
  }
}

function statsView(options: StatsOptions): View<StatsReport> {
  const rest = ({ returned: { active, ...stats }, cost }: StatsReport): Record<string, unknown> => {
    const last = active.last === undefined ? null : isoTime(active.last);
    return { ...stats, active: { ...active, last }, cost };
  };
  const { jsonParts, ...ofLines } = fleetView<StatsReport>(options, { rest, summary: () => '' });
  if (jsonParts === undefined) return ofLines;
  return {
    jsonParts,
    fields: ({ returned, cost }) => {
      const { accounts, databases, sizes, largest, active, versions, testData, content } = returned;
      const month = cost && `${cost.usdPerMonth.toFixed(2)} US dollars, prices of ${cost.prices.date}`;
      return {
        accounts,
        databases,
        stored: { bytes: sizes.totalBytes },
        median: { bytes: sizes.p50 },
        p90: { bytes: sizes.p90 },
        p99: { bytes: sizes.p99 },
        largest: largest.map((user) => `${user.username} ${formatBytes(user.sizeBytes)}`).join(', ') || undefined,
        'last written': active.last === undefined ? undefined : { time: active.last, suffix: 'UTC' },
        'written in': `1 day: ${active.day}, 7 days: ${active.week}, 30 days: ${active.month}`,
        'earlier versions': `${versions.count}, ${formatBytes(versions.bytes)}`,
        'a month costs': month,
        notes: content?.notes,
        cards: content?.cards,
        reviews: content?.reviews,
        'test data': `${formatCount(testData.databases, 'database')}, ${formatCount(testData.accounts, 'account')}`,
      };
    },
    text: ({ users }) => failuresOf(users).join('\n'),
    failures: ({ users }) => failuresOf(users),
    exitCode: fleetExitCode,
  };
}

function failuresOf(users: FleetReport['users']): string[] {
  return users.map(({ username, outcome, error }) => `error: ${username}: ${outcome}: ${error}`);
}
