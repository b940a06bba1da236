import type { Command } from 'commander';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { Paint } from '../../cli/paint.ts';
import type { View } from '../../cli/print.ts';
import { withProgress } from '../../cli/progress.ts';
import { visible } from '../../core/format.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { Finding, Severity } from '../../doctor/finding.ts';
import type { Resources } from '../../provisioning/resources.ts';
import type { Execute, Invocation } from '../execute.ts';

export interface DoctorReport {
  readonly findings: readonly Finding[];
  /** Whether no finding is `unsafe`. */
  readonly safe: boolean;
}

interface DoctorOptions {
  readonly strict?: boolean;
  readonly backup?: string;
}

export function registerDoctor(parent: Command, execute: Execute): void {
  const command = parent
    .command('doctor')
    .description('look for what endangers data: how the store compares, and how the deployment is set')
    .option('--strict', 'exit code 7 for warnings too')
    .option('--backup <dir>', 'also look how old the last complete backup in this folder is')
    .addHelpText('after', '\nExample:\n  $ javumbo doctor --json');
  command.action(({ strict = false, backup }: DoctorOptions) =>
    execute(command, (invocation) => doctor(invocation, backup), doctorView(strict)),
  );
}

/** Examines every part of the deployment at once. Changes no setting, and removes its test data. */
export async function doctor(invocation: Invocation, backup?: string): Promise<DoctorReport> {
  const [
    { examineStore },
    { examineDeletion },
    { examineResource },
    { examineApi, examineFunction },
    { examined, warning },
    { historyFinding },
  ] = await Promise.all([
    import('../../doctor/store.ts'),
    import('../../doctor/deletion.ts'),
    import('../../doctor/resources.ts'),
    import('../../doctor/function.ts'),
    import('../../doctor/finding.ts'),
    import('../../doctor/history.ts'),
  ]);
  const { openBucketResource, openResources, openTableResources } = await import('../../provisioning/resources.ts');
  const { context } = invocation;
  // An earlier verdict must not keep it from looking again.
  const deployment = await invocation.deployment({ allowUnsafeStore: true });
  const { config } = deployment;
  const opened: Resources[] = [];
  const looking = (ids: readonly string[], onAws: boolean, open: () => Promise<Resources>): Promise<Finding[]> =>
    examined(ids.join(', '), async () => {
      const resources = await open();
      opened.push(resources);
      const each = resources.resources.map((resource, index) =>
        examineResource({ id: ids[index] ?? resource.kind, resource, onAws }),
      );
      return (await Promise.all(each)).flat();
    });
  const examining = withProgress(invocation, async (progress) => {
    progress.show('looking at the store, the tables and the function');
    const { endpointUrl, dynamodbEndpointUrl } = config;
    const parts =
      config.deployment.value === 'local'
        ? [looking(['home'], true, () => openResources(config, context))]
        : [
            looking(['bucket'], endpointUrl.value === undefined, () => openBucketResource(config, context)),
            looking(['users-table', 'locks-table'], dynamodbEndpointUrl.value === undefined, () =>
              openTableResources(config, context),
            ),
          ];
    const looks = [
      examined('conditional-writes', () => examineStore(deployment, context, invocation.run())),
      examined('conditional-deletes', () => examineDeletion(deployment)),
      ...parts,
      examineFunction(deployment),
      examineApi(deployment, context.signal),
      ...(backup === undefined ? [] : [examined('backup', () => ageOf(backup, deployment, context.clock.now()))]),
    ];
    // Even if one throws, wait for what the others open, so that it is closed.
    await Promise.allSettled(looks);
    const findings = (await Promise.all(looks)).flat();
    findings.push(...historyFinding(config.deployment.value === 'local', findings));
    if (invocation.config.allowUnsafeStore.value) {
      findings.push(warning('unsafe-store', '--allow-unsafe-store lets writes through', 'without it'));
    }
    return { findings, safe: findings.every(({ severity }) => severity !== 'unsafe') };
  });
  return examining.finally(() => {
    for (const { close } of opened) close();
  });
}

async function ageOf(directory: string, { identity }: Deployment, now: number): Promise<Finding[]> {
  const { examineBackup } = await import('../../doctor/backup.ts');
  return examineBackup(directory, identity, now);
}

const MARKS: Readonly<Record<Severity, string>> = { ok: '✓', warning: '!', unsafe: '✗' };

export function doctorView(strict: boolean): View<DoctorReport> {
  return {
    text: ({ findings, safe }, paint) => {
      const warnings = findings.filter(({ severity }) => severity === 'warning').length;
      const counted = warnings === 0 ? 'no warnings' : warnings === 1 ? '1 warning' : `${warnings} warnings`;
      const dangers = findings.filter(({ severity }) => severity === 'unsafe').length;
      const summary = safe ? `safe, ${counted}` : `UNSAFE: ${dangers} of ${findings.length} findings, ${counted}`;
      return [
        ...findings.flatMap((finding) => findingLines(finding, paint)),
        '',
        safe ? (warnings === 0 ? paint.good(summary) : paint.warn(summary)) : paint.bad(summary),
      ].join('\n');
    },
    exitCode: ({ findings, safe }) => {
      const bad = !safe || (strict && findings.some(({ severity }) => severity !== 'ok'));
      return bad ? EXIT_CODE.violation : EXIT_CODE.ok;
    },
  };
}

function findingLines({ id, severity, message, try: hint }: Finding, paint: Paint): string[] {
  const colour = { ok: paint.good, warning: paint.warn, unsafe: paint.bad }[severity];
  return [
    `${colour(MARKS[severity])} ${paint.strong(id)}: ${visible(message)}`,
    ...(hint === undefined ? [] : [`  try:   ${visible(hint)}`]),
  ];
}
