import type { Command } from 'commander';
import type { MeasuredSequence, Sequence } from '../../bench/sequence.ts';
import type { Mix } from '../../bench/workload.ts';
import { parsePositive } from '../../cli/arguments.ts';
import type { View } from '../../cli/print.ts';
import { seededRandom } from '../../core/random.ts';
import type { Execute, Invocation } from '../execute.ts';
import { benchOptions, type ReportFlags } from '../report-options.ts';
import { type BenchResult, DEFAULT_RTT_MS, notesOption, runScenario } from './scenario.ts';
import { FUNCTION_CACHE_TTL, openRequester, type ViaFlags, viaOption } from './via.ts';
import { workloadOptions } from './workload-options.ts';

// Two runs of one command line have the same users, in the same order.
const SEED = 1;

const READS: Mix = { read: 1, write: 0 };

/** A command that makes one request after the other. */
export interface SequenceCommand {
  readonly name: string;
  readonly description: string;
  /** Help and default of --requests. */
  readonly requests: readonly [help: string, count: number];
  /** Default of --notes. */
  readonly notes: number;
  /** What one operation is, of which the report prices a million. */
  readonly operation: string;
  readonly cached: boolean;
  /** Whether it takes several users, who read and write. */
  readonly workload?: true;
  readonly load: () => Promise<Sequence>;
  /** Returns warnings, and figures beside those that `load` measures. */
  readonly judge: (
    measured: MeasuredSequence,
    users: number,
  ) => {
    readonly warnings: readonly string[];
    readonly derived?: Readonly<Record<string, number>>;
  };
}

interface SequenceOptions extends ReportFlags, ViaFlags {
  readonly requests: number;
  readonly notes: number;
  readonly users?: number;
  readonly skew?: number;
  readonly mix?: Mix;
}

export function registerSequence(
  parent: Command,
  execute: Execute,
  sequence: SequenceCommand,
  view: View<BenchResult>,
): void {
  const { name, description, notes } = sequence;
  const [help, count] = sequence.requests;
  const command = parent
    .command(name)
    .description(description)
    .option('--requests <n>', help, parsePositive, count)
    .addHelpText('after', `\nExample:\n  $ javumbo bench ${name} --rtt 171ms`);
  if (sequence.workload) {
    workloadOptions(command, { users: 1, skew: 0, mix: READS });
  }
  benchOptions(viaOption(notesOption(command, notes))).action((options: SequenceOptions) =>
    execute(command, (invocation) => benchSequence(invocation, sequence, options), view),
  );
}

async function benchSequence(
  invocation: Invocation,
  { name, operation, cached, load, judge }: SequenceCommand,
  { requests, notes, users = 1, skew = 0, mix = READS, ...flags }: SequenceOptions,
): Promise<BenchResult> {
  const { measureSequence } = await import('../../bench/sequence.ts');
  const { createAllWithNotes } = await import('../../bench/test-user.ts');
  const { visitorsOf } = await import('../../bench/workload.ts');
  const { context } = invocation;
  const sequence = await load();
  const plan = {
    name,
    parameters: {
      requests,
      notes,
      loop: 'closed',
      ...(cached ? {} : { cache: 'off' }),
      // Absent by default, so that reports from before there were several users can be compared.
      ...(users === 1 ? {} : { users, skew }),
      ...(mix.write === 0 ? {} : { mixReads: mix.read, mixWrites: mix.write }),
    },
    users,
    ...(cached ? { cacheTtlDefault: FUNCTION_CACHE_TTL, rttDefaultMs: DEFAULT_RTT_MS } : {}),
    operation: mix.write === 0 ? operation : 'one read or write of the mix',
    figures: sequence.figures,
  };
  return runScenario(invocation, plan, flags, async ({ deployment, username, usernames, progress, measuring }) => {
    const databases = deployment.databases({ cacheTtlDefault: 0, caching: false });
    const noteIds = await createAllWithNotes(databases, usernames, notes, context, (done) =>
      progress.show(`creating databases of ${notes} notes: ${done} of ${users}`),
    );
    const visitor = visitorsOf({ users, skew, mix }, seededRandom(SEED));
    const visits = Array.from({ length: requests }, visitor).map(({ user, reads }) => ({
      username: usernames[user] ?? '',
      reads,
    }));
    const { requester, parts, lambda } = await openRequester(flags.via, deployment, context.clock, noteIds);
    const measured = await measureSequence(
      sequence,
      {
        requester,
        username,
        count: requests,
        visits,
        databases,
        requests: () => deployment.usage().store,
        onProgress: (text) => progress.show(text),
      },
      (soFar) =>
        measuring(() => {
          const { requests: made, ...figures } = soFar();
          return { ...figures, requests: { ...made, ...lambda() } };
        }),
    );
    const { warnings, derived } = judge(measured, users);
    return {
      ...measured,
      metrics: { ...measured.metrics, ...parts().metrics },
      derived: { ...measured.derived, ...parts().derived, ...derived },
      requests: { ...measured.requests, ...lambda() },
      warnings,
    };
  });
}
