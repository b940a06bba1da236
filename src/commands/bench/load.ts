import { type Command, Option } from 'commander';
import type { Limit } from '../../bench/find-limit.ts';
import type { MeasuredLoad } from '../../bench/load.ts';
import type { LoadStep } from '../../bench/load-step.ts';
import type { Mix } from '../../bench/workload.ts';
import { parseCount, parseRate, parseWorkTime } from '../../cli/arguments.ts';
import { busyMs } from '../../core/clock.ts';
import { JavumboError } from '../../core/failure.ts';
import { figureText, formatDuration, formatMs } from '../../core/format.ts';
import { seededRandom } from '../../core/random.ts';
import type { Report } from '../../report/document.ts';
import { bears } from '../../report/percentiles.ts';
import type { ReportParts } from '../../report/start.ts';
import { parseThreshold, percentileOf, refuseUnknownFigures, type Threshold } from '../../report/threshold.ts';
import type { Execute, Invocation } from '../execute.ts';
import { benchOptions, type ReportFlags } from '../report-options.ts';
import { type BenchResult, DEFAULT_RTT_MS, metricLines, notesOption, reportView, runScenario } from './scenario.ts';
import { workloadOptions } from './workload-options.ts';

interface LoadOptions extends ReportFlags {
  readonly users: number;
  readonly rate: number;
  readonly duration: number;
  readonly mix: Mix;
  readonly skew: number;
  readonly notes: number;
  readonly seed: number;
  readonly findLimit?: boolean;
  readonly objective?: Threshold;
}

export function registerBenchLoad(parent: Command, execute: Execute): void {
  const command = parent
    .command('load')
    .description('many users at a rate, whatever the replies take (an open loop), or the rate that breaks an objective')
    .addOption(
      new Option('--rate <n/s>', 'how many requests are due in a second').argParser(parseRate).default(20, '20/s'),
    )
    .addOption(
      new Option('--duration <time>', 'for how long, with --find-limit at each rate')
        .argParser(parseWorkTime)
        .default(60_000, '60s'),
    )
    .option('--seed <n>', 'decides who comes when, and for what', parseCount, 1)
    .option('--find-limit', 'raise the rate until --objective breaks, and name the last rate that holds')
    .option('--objective <comparison>', "what must hold, such as 'totalMs.p99<500'", (text) =>
      parseThreshold(text, '--objective'),
    )
    .addHelpText('after', "\nExample:\n  $ javumbo bench load --rate 20/s --find-limit --objective 'totalMs.p99<500'");
  benchOptions(notesOption(workloadOptions(command, { users: 100, skew: 1, mix: { read: 70, write: 30 } }), 10)).action(
    (options: LoadOptions) => execute(command, (invocation) => benchLoad(invocation, options), loadView),
  );
}

// Each is three samples, and a report with all of them is one text, which Node limits to half a gigabyte.
const REQUESTS_MAX = 1_000_000;

async function benchLoad(invocation: Invocation, options: LoadOptions): Promise<BenchResult> {
  const { users, rate, duration: durationMs, mix, skew, notes, seed, findLimit = false, objective, ...flags } = options;
  const { LOAD_FIGURES, loadOn, measureLoad } = await import('../../bench/load.ts');
  if (rate * durationMs < 1000) {
    throw new JavumboError('usage', `${rate}/s for ${formatDuration(durationMs)} is not one request`, {
      try: 'a longer --duration, or a higher --rate',
    });
  }
  if ((rate * durationMs) / 1000 > REQUESTS_MAX) {
    const most = REQUESTS_MAX.toLocaleString('en-US');
    throw new JavumboError(
      'usage',
      `${rate}/s for so long are more than ${most} requests, whose times must fit in memory`,
      {
        try: 'a shorter --duration, or a lower --rate',
      },
    );
  }
  if (findLimit) refuseUnfitObjective(objective, options);
  if (objective !== undefined) refuseUnknownFigures([objective], LOAD_FIGURES, '--objective');
  const plan = {
    name: 'load',
    parameters: {
      users,
      ratePerSecond: rate,
      durationMs,
      mixReads: mix.read,
      mixWrites: mix.write,
      skew,
      notes,
      seed,
      loop: 'open',
      arrivals: 'poisson',
      ...(findLimit ? { findLimit, objective: objective?.expression ?? '' } : {}),
    },
    users,
    // Like the commands: every read asks the store.
    cacheTtlDefault: 0,
    rttDefaultMs: DEFAULT_RTT_MS,
    operation: 'one read or write of the mix',
    figures: LOAD_FIGURES,
  };
  // Without a search, an objective is a threshold.
  const thresholds = [...(flags.threshold ?? []), ...(objective === undefined || findLimit ? [] : [objective])];
  return runScenario(invocation, plan, { ...flags, threshold: thresholds, via: 'process' }, async (scenario) => {
    const { deployment, usernames, progress, measuring } = scenario;
    const { context } = invocation;
    const databases = deployment.databases({ cacheTtlDefault: 0 });
    const { createAllWithNotes } = await import('../../bench/test-user.ts');
    const noteIds = await createAllWithNotes(databases, usernames, notes, context, (done) =>
      progress.show(`creating test users: ${done} of ${users}`),
    );
    const inputs = {
      target: loadOn(databases, usernames, noteIds),
      workload: { users, skew, mix },
      clock: context.clock,
      signal: context.signal,
      requests: () => deployment.usage().store,
      busyMs,
      rttMs: deployment.description.rttMs,
      onProgress: (text: string) => progress.show(text),
    };
    const steps: LoadStep[] = [];
    const load = (ratePerSecond: number, stepMs: number): Promise<MeasuredLoad> =>
      measureLoad(
        ratePerSecond,
        { ...inputs, durationMs: stepMs, random: seededRandom(seed + steps.length) },
        (soFar) =>
          measuring(() => {
            const { metrics, derived, requests } = soFar();
            return { metrics, derived, requests, ...(findLimit ? { steps } : {}) };
          }),
      );
    if (!findLimit || objective === undefined) return partsOf(await load(rate, durationMs));
    const { findLimit: search } = await import('../../bench/find-limit.ts');
    const { stepDurationMs, stepOf } = await import('../../bench/load-step.ts');
    const step = { plannedMs: durationMs, share: shareOf(objective, mix), objective };
    const found = await search(rate, async (tried) => {
      const ratePerSecond = Number(tried.toPrecision(4));
      const measured = await load(ratePerSecond, stepDurationMs(ratePerSecond, step));
      steps.push(stepOf(measured, objective));
      return { ...measured, held: steps.at(-1)?.held ?? false };
    });
    return limitParts(found, steps, objective);
  });
}

/** A search needs something that breaks, and enough samples to see it. */
function refuseUnfitObjective(objective: Threshold | undefined, { rate, duration, mix }: LoadOptions): void {
  if (objective === undefined) {
    throw new JavumboError('usage', '--find-limit needs an objective that breaks', {
      try: "--objective 'totalMs.p99<500'",
    });
  }
  const samples = Math.floor(((rate * duration) / 1000) * shareOf(objective, mix));
  const percentile = percentileOf(objective.figure);
  if (percentile === undefined || bears(samples, percentile)) return;
  throw new JavumboError(
    'usage',
    `--objective ${objective.expression}: ${samples} samples at ${rate}/s cannot bear p${percentile}`,
    { try: 'a longer --duration, a higher --rate, or another percentile: p95 takes 20 samples, p99 takes 100' },
  );
}

/** Returns how many of the requests are samples of what an objective judges. */
function shareOf({ figure }: Threshold, { read, write }: Mix): number {
  const [metric = ''] = figure.split('.');
  return ({ readMs: read, writeMs: write }[metric] ?? read + write) / (read + write);
}

function partsOf({ metrics, derived, requests, operations, failures, saturation }: MeasuredLoad): ReportParts {
  const { notStarted = 0, offered } = derived;
  // What was not started has no time: percentiles without it are too good.
  const missing = notStarted === 0 ? [] : [`${notStarted} of ${offered} requests could not be started in time`];
  const failureReasons = [...failures, ...missing];
  return {
    metrics,
    derived,
    requests,
    operations,
    warnings: saturation === undefined ? [] : [`the client was the limit: ${saturation}; try a lower --rate`],
    passed: failureReasons.length === 0,
    failureReasons,
  };
}

/** Reports the highest rate that held, with what was measured at it; else the lowest, which broke. */
function limitParts(
  { knee, broken }: Limit<MeasuredLoad & { readonly held: boolean }>,
  steps: readonly LoadStep[],
  { expression }: Threshold,
): ReportParts {
  const shownStep = knee ?? broken;
  if (shownStep === undefined) throw new Error('no rate was tried');
  const parts = partsOf(shownStep);
  const lowest = steps.findLast(({ ratePerSecond }) => ratePerSecond === broken?.ratePerSecond);
  return {
    ...parts,
    steps,
    derived: {
      ...parts.derived,
      ...(knee === undefined ? {} : { kneePerSecond: knee.ratePerSecond }),
      ...(broken === undefined ? {} : { brokenPerSecond: broken.ratePerSecond }),
    },
    warnings:
      lowest?.limit === 'client'
        ? ['the client was the limit, and not the deployment: try several machines at once']
        : [],
    passed: knee !== undefined,
    failureReasons: knee === undefined ? [`${expression} holds at no rate, down to ${shownStep.ratePerSecond}/s`] : [],
  };
}

const ROWS = [
  ['totalMs', 'all'],
  ['readMs', 'reads'],
  ['writeMs', 'writes'],
  ['startDelayMs', 'started late by'],
] as const;

export const loadView = reportView(({ metrics, derived, parameters, steps }, paint) => {
  const of = (name: string): number => derived[name] ?? Number.NaN;
  const { users, mixReads, mixWrites, skew } = parameters;
  // A search tries low rates for longer.
  const durationMs = derived.plannedMs ?? Number(parameters.durationMs);
  return [
    ...(steps === undefined ? [] : [...limitLines(steps, derived, String(parameters.objective)), '']),
    `${users} users at ${of('ratePerSecond')}/s for ${formatDuration(durationMs)}; read ${mixReads} : write ${mixWrites}; skew ${skew}`,
    '',
    ...metricLines('from when due', ROWS, metrics, paint),
    '',
    `${of('completed')} of ${of('offered')} requests completed, ${of('completedPerSecond').toFixed(1)}/s; ${of('failed')} failed, ${of('unknown')} unknown`,
    ...(derived.drainMs === undefined
      ? []
      : [`the last reply came ${formatMs(derived.drainMs)} after the ${formatDuration(durationMs)}`]),
    `the client started ${of('startedLate')} more than 10 ms late, and ${of('notStarted')} not at all;`,
    `  it was busy for ${of('clientBusyPercent').toFixed(0)} % of the time`,
    ...(derived.floorMs === undefined
      ? []
      : [
          `${of('requestsPerOperation').toFixed(2)} requests to the store each, at least ${formatMs(of('floorMs'))};`,
          `  the mean is ${of('meanToFloor').toFixed(2)} times that`,
        ]),
  ];
});

function limitLines(steps: readonly LoadStep[], derived: Report['derived'], objective: string): string[] {
  const { kneePerSecond, brokenPerSecond } = derived;
  const [figure = ''] = objective.split(/[<>=]/);
  const last = steps.findLast(({ ratePerSecond }) => ratePerSecond === brokenPerSecond);
  const broke =
    brokenPerSecond === undefined
      ? 'nothing that was tried breaks it'
      : `${figureText(brokenPerSecond)}/s does not: ${last?.reason}`;
  return [
    ...steps.map(({ ratePerSecond, held, actual, clientBusyPercent }) => {
      const value = actual === undefined ? 'not measured' : figureText(actual);
      return `${figureText(ratePerSecond).padStart(8)}/s  ${held ? 'holds ' : 'breaks'}  ${figure} ${value.padStart(8)}  client busy ${clientBusyPercent.toFixed(0).padStart(3)} %`;
    }),
    '',
    kneePerSecond === undefined ? broke : `the knee: ${figureText(kneePerSecond)}/s holds ${objective}; ${broke}`,
  ];
}
