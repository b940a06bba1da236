import type { DeploymentOptions, Invocation } from '../../cli/execute.ts';
import { progressOn } from '../../cli/progress.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { Figures, Test } from '../../verify/check.ts';
import type { VerifyResult } from '../../verify/run.ts';
import { type ReportFlags, withReport } from '../report-options.ts';

/** Runs the tests that `prepare` makes for the deployment, one after the other, and shows which one is running. */
export async function verifyDay(
  invocation: Invocation,
  name: string,
  output: ReportFlags,
  options: DeploymentOptions,
  prepare: (deployment: Deployment, figures: Figures) => Promise<readonly Test[]>,
): Promise<VerifyResult> {
  const { runDay } = await import('../../verify/run.ts');
  const { context, flags } = invocation;
  const progress = progressOn(context, flags.quiet);
  const deployment = await invocation.deployment(options);
  const start = { kind: 'verify', name, parameters: {}, operation: `one run of verify ${name}` } as const;
  try {
    return await withReport(invocation, deployment, output, start, (report) =>
      runDay(
        report,
        deployment,
        context,
        (figures) => prepare(deployment, figures),
        ({ id, name: test }) => progress.show(`test ${id}: ${test}`),
      ),
    );
  } finally {
    progress.done();
  }
}
