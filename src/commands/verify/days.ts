import type { Command } from 'commander';
import { parseTestNumbers } from '../../cli/arguments.ts';
import { checklistOn } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatDuration } from '../../core/format.ts';
import type { TestRun } from '../../core/test-data.ts';
import { DAYS, type Day } from '../../verify/days.ts';
import type { VerifyResult } from '../../verify/run.ts';
import { DEFAULT_RTT_MS } from '../bench/scenario.ts';
import { type Execute, type Invocation, outputFlags } from '../execute.ts';
import { type ReportFlags, reportOptions, withReport } from '../report-options.ts';
import { verifyViewOf } from './view.ts';

interface VerifyFlags extends ReportFlags {
  readonly only?: readonly string[];
  readonly failFast?: boolean;
  /** False with --no-skips. */
  readonly skips: boolean;
  readonly expectBody?: string;
}

/** Registers `verify day1` to `day5`, or `verify all`, which runs the tests of every day. */
export function registerVerify(parent: Command, execute: Execute, name: string): void {
  const days: readonly Day[] = name === 'all' ? DAYS : DAYS.filter((day) => day.name === name);
  const description = name === 'all' ? 'the tests of every day, with a summary' : (days[0]?.description ?? '');
  const [first = ''] = days[0]?.tests ?? [];
  const command = parent
    .command(name)
    .description(description)
    .option('--only <tests>', `only these, such as ${first} (repeatable, or with commas)`, parseTestNumbers)
    .option('--fail-fast', 'stop at the first test that fails')
    .option('--no-skips', 'fail where a test cannot run, instead of skipping it')
    .addHelpText('after', `\nExample:\n  $ javumbo verify ${name} --json`);
  if (days.some((day) => day.name === 'day1')) {
    command.option('--expect-body <text>', "what a function that is not javumbo's answers with (Tests 1.3 and 1.4)");
  }
  reportOptions(command).action((flags: VerifyFlags) =>
    execute(
      command,
      (invocation) => verifyDays(invocation, name, days, flags),
      verifyViewOf(outputFlags(command).verbose),
    ),
  );
}

async function verifyDays(
  invocation: Invocation,
  name: string,
  days: readonly Day[],
  { only, failFast = false, skips, expectBody, ...output }: VerifyFlags,
): Promise<VerifyResult> {
  const selection = only === undefined ? undefined : existing(only, days);
  const { parametersOf, runDays } = await import('../../verify/run.ts');
  const { context, flags } = invocation;
  const timed = days.some((day) => day.timed);
  const opening = timed ? { rttDefaultMs: DEFAULT_RTT_MS } : {};
  const options = { only: selection, failFast, noSkips: !skips };
  const start = {
    kind: 'verify',
    name,
    parameters: { ...parametersOf(options), ...(expectBody === undefined ? {} : { expectBody }) },
    operation: `one run of verify ${name}, the clean-up of its objects not counted`,
  } as const;
  const checklist = checklistOn(context, flags);
  const { run, say } = delaying(invocation.run());
  try {
    return await withReport(invocation, opening, output, start, (report, deployment) => {
      return runDays(report, days, deployment, { ...context, run, expectBody }, options, {
        started: (test) => checklist.started(`Test ${test.id}: ${test.name}`),
        ended: ({ id, name: test, status, durationMs }) =>
          checklist.ended(status, `Test ${id}: ${test}`, formatDuration(durationMs)),
      });
    });
  } finally {
    checklist.done();
    say();
  }
}

/** Delays until `say` what a run says about kept and left test data: in a checklist it would get lost. */
function delaying(run: TestRun): { readonly run: TestRun; readonly say: () => void } {
  const held: (() => void)[] = [];
  return {
    run: {
      ...run,
      onKept: (...kept) => held.push(() => run.onKept?.(...kept)),
      onLeft: (error) => held.push(() => run.onLeft?.(error)),
    },
    say: () => {
      for (const each of held) each();
    },
  };
}

function existing(only: readonly string[], days: readonly Day[]): ReadonlySet<string> {
  const known = days.flatMap(({ tests }) => tests);
  const unknown = only.filter((id) => !known.includes(id));
  if (unknown.length === 0) return new Set(only);
  throw new JavumboError('usage', `there is no test ${unknown.join(' or ')} here`, {
    try: `--only with one or some of ${known.join(', ')}`,
  });
}
