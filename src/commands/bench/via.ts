import { type Command, Option } from 'commander';
import type { Requester } from '../../bench/requester.ts';
import type { Figures } from '../../bench/stats.ts';
import type { Clock } from '../../core/clock.ts';
import { formatMs } from '../../core/format.ts';
import type { FunctionUse } from '../../core/usage.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { Report } from '../../report/document.ts';
import type { FigureNames } from '../../report/threshold.ts';

/** The deployed function's allowed staleness in seconds. */
export const FUNCTION_CACHE_TTL = 300;

/** Who makes the requests of a benchmark. */
export type Via = 'process' | 'function';

export interface ViaFlags {
  readonly via: Via;
}

export function viaOption(command: Command): Command {
  return command.addOption(
    new Option('--via <who>', 'who makes the requests: this process, or the function in its containers')
      .choices(['process', 'function'])
      .default('process'),
  );
}

/** What a benchmark measures in addition if the function makes its requests. */
const FUNCTION_FIGURES: FigureNames = {
  metrics: ['invocationMs', 'initMs'],
  derived: ['containers', 'coldStarts', 'warmCalls'],
};

/** Adds to a plan what is different if the function makes the requests. */
export function planVia<P extends { readonly parameters: Report['parameters']; readonly figures: FigureNames }>(
  plan: P,
  via: Via,
): P {
  if (via === 'process') return plan;
  const { metrics, derived } = plan.figures;
  return {
    ...plan,
    parameters: { ...plan.parameters, via },
    figures: {
      metrics: [...metrics, ...FUNCTION_FIGURES.metrics],
      derived: [...derived, ...FUNCTION_FIGURES.derived],
    },
  };
}

export interface OpenedRequester {
  readonly requester: Requester;
  /** Returns the figures of the calls. */
  parts(): Figures;
  /** Returns what the calls would be billed for. */
  lambda(): { readonly lambda?: FunctionUse };
}

/** Opens the requester of a benchmark. `noteIds`: notes that writes in this process change in turn. */
export async function openRequester(
  via: Via,
  deployment: Deployment,
  clock: Clock,
  noteIds: readonly number[],
): Promise<OpenedRequester> {
  if (via === 'process') {
    const { ProcessRequester } = await import('../../bench/requester.ts');
    const requester = new ProcessRequester({
      cached: deployment.databases({ cacheTtlDefault: FUNCTION_CACHE_TTL }),
      uncached: deployment.databases({ cacheTtlDefault: 0, caching: false }),
      cache: deployment.cache,
      clock,
      noteIds,
    });
    return { requester, parts: () => ({ metrics: {}, derived: {} }), lambda: () => ({}) };
  }
  const { FunctionRequester, functionFigures } = await import('../../bench/function-requester.ts');
  const { lambdaOf, usageSince } = await import('../../core/usage.ts');
  const client = await deployment.function();
  const before = deployment.usage();
  const requester = new FunctionRequester({ client, clock, stalenessSeconds: deployment.config.cacheTtl.value });
  return {
    requester,
    parts: () => functionFigures(requester.figures()),
    lambda: () => lambdaOf(usageSince(before, deployment.usage())),
  };
}

/** Tells people about the containers, if the function made the requests. */
export function functionLines({ parameters, metrics, derived }: Report): string[] {
  if (parameters.via !== 'function') return [];
  const of = (name: string): number => derived[name] ?? 0;
  const { invocationMs, initMs } = metrics;
  const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
  return [
    `${counted(of('containers'), 'container')}: ${counted(of('coldStarts'), 'cold start')}, ${counted(of('warmCalls'), 'warm call')}`,
    ...(initMs === undefined ? [] : [`a container is ready after ${formatMs(initMs.mean)} on average`]),
    ...(invocationMs === undefined
      ? []
      : [
          `its caller waits ${formatMs(invocationMs.mean)} for a call on average, ${formatMs(invocationMs.p50)} in the median`,
        ]),
  ];
}
