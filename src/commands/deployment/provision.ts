import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { Paint } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { withProgress } from '../../cli/progress.ts';
import type { ProvisionedResource, ProvisionedSetting, ProvisionMode } from '../../provisioning/provision.ts';
import type { Invocation } from '../execute.ts';

export interface ProvisionReport {
  readonly resources: readonly ProvisionedResource[];
  readonly dryRun: boolean;
}

/** Describes or creates the parts of the configured deployment. */
export async function provisionDeployment(invocation: Invocation, mode: ProvisionMode): Promise<ProvisionReport> {
  const { openResources } = await import('../../provisioning/resources.ts');
  const { provision } = await import('../../provisioning/provision.ts');
  const { config, context } = invocation;
  invocation.requireMeantDeployment();
  return withProgress(invocation, async (progress) => {
    const { resources, close } = await openResources(config, context);
    const found = provision(resources, mode, (step) => progress.show(step), context.signal);
    return { resources: await found.finally(close), dryRun: mode === 'plan' };
  });
}

export const provisionView: View<ProvisionReport> = {
  text: ({ resources }, paint) => resources.flatMap((resource) => resourceLines(resource, paint)).join('\n'),
  exitCode: ({ resources }) => {
    if (resources.some(({ settings }) => settings.some(({ state }) => state === 'unsafe'))) return EXIT_CODE.violation;
    return resources.some(({ state }) => state === 'missing') ? EXIT_CODE['not-found'] : EXIT_CODE.ok;
  },
};

function resourceLines({ kind, name, state, settings }: ProvisionedResource, paint: Paint): string[] {
  return [
    `${paint.strong(`${kind} ${name}`)}  ${painted(state, paint)}`,
    ...settings.flatMap(({ name: setting, state: found, reason }) => [
      `  ${setting}: ${painted(found, paint)}${reason === undefined ? '' : `, ${reason}`}`,
      ...(found === 'unsafe'
        ? [`  try:   switch it off with the engine's own tools before writing anything there`]
        : []),
      ...(setting === 'versioning' && KEEPS_NONE.has(found)
        ? ['  without it, what is overwritten or deleted is gone for good, but for a backup']
        : []),
    ]),
  ];
}

const KEEPS_NONE: ReadonlySet<ProvisionedSetting['state']> = new Set(['left-off', 'unsupported', 'missing']);

const WORDS: Readonly<Record<ProvisionedSetting['state'], string>> = {
  found: 'found',
  made: 'made',
  planned: 'would be made',
  missing: 'missing',
  'left-off': 'left off',
  unsafe: 'UNSAFE',
  unsupported: 'not supported',
};

function painted(state: ProvisionedSetting['state'], paint: Paint): string {
  const text = WORDS[state];
  if (state === 'found' || state === 'made') return paint.good(text);
  return state === 'unsafe' ? paint.bad(text) : paint.warn(text);
}
