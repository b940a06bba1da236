import type { Command } from 'commander';
import type { MeasuredSequence, Sequence } from '../../bench/sequence.ts';
import { parsePositive } from '../../cli/arguments.ts';
import type { View } from '../../cli/print.ts';
import type { Execute, Invocation } from '../execute.ts';
import { benchOptions, type ReportFlags } from '../report-options.ts';
import { type BenchResult, DEFAULT_RTT_MS, notesOption, runScenario } from './scenario.ts';
import { FUNCTION_CACHE_TTL, openRequester, type ViaFlags, viaOption } from './via.ts';

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
  readonly load: () => Promise<Sequence>;
  /** Returns warnings, and figures beside those that `load` measures. */
  readonly judge: (measured: MeasuredSequence) => {
    readonly warnings: readonly string[];
    readonly derived?: Readonly<Record<string, number>>;
  };
}

interface SequenceOptions extends ReportFlags, ViaFlags {
  readonly requests: number;
  readonly notes: number;
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
  benchOptions(viaOption(notesOption(command, notes))).action((options: SequenceOptions) =>
    execute(command, (invocation) => benchSequence(invocation, sequence, options), view),
  );
}

async function benchSequence(
  invocation: Invocation,
  { name, operation, cached, load, judge }: SequenceCommand,
  { requests, notes, ...flags }: SequenceOptions,
): Promise<BenchResult> {
  const { measureSequence } = await import('../../bench/sequence.ts');
  const { createWithNotes } = await import('../../bench/test-user.ts');
  const { context } = invocation;
  const sequence = await load();
  const plan = {
    name,
    parameters: { requests, notes, loop: 'closed', ...(cached ? {} : { cache: 'off' }) },
    ...(cached ? { cacheTtlDefault: FUNCTION_CACHE_TTL, rttDefaultMs: DEFAULT_RTT_MS } : {}),
    operation,
    figures: sequence.figures,
  };
  return runScenario(invocation, plan, flags, async ({ deployment, username, progress, measuring }) => {
    const databases = deployment.databases({ cacheTtlDefault: 0, caching: false });
    progress.show(`creating a database of ${notes} notes`);
    const noteIds = await createWithNotes(databases, username, notes, context);
    const { requester, parts, lambda } = await openRequester(flags.via, deployment, context.clock, noteIds);
    const measured = await measureSequence(
      sequence,
      {
        requester,
        username,
        count: requests,
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
    const { warnings, derived } = judge(measured);
    return {
      ...measured,
      metrics: { ...measured.metrics, ...parts().metrics },
      derived: { ...measured.derived, ...parts().derived, ...derived },
      requests: { ...measured.requests, ...lambda() },
      warnings,
    };
  });
}
