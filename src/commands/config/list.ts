import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { type DeploymentContext, LOCAL_CONTEXT, readContexts } from '../../config/contexts.ts';
import type { Context } from '../../core/context.ts';
import type { Execute } from '../execute.ts';

interface ListedContexts {
  /** Which of them is in use; null for the local deployment. */
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, DeploymentContext>>;
}

export function registerConfigList(parent: Command, execute: Execute): void {
  const command = parent
    .command('list')
    .description('list the contexts, and which of them is in use')
    .addHelpText('after', '\nExample:\n  $ javumbo config list');
  command.action(() => execute(command, async ({ context }) => configList(context), listView, { unconfigured: true }));
}

function configList({ env }: Context): ListedContexts {
  const { current, contexts } = readContexts(env);
  return { current: current ?? null, contexts };
}

const listView: View<ListedContexts> = {
  table: ({ current, contexts }) => ({
    head: ['context', 'current', 'bucket', 'at'],
    rows: [
      [LOCAL_CONTEXT, current === null ? 'yes' : '', '', ''],
      ...Object.entries(contexts).map(([name, { bucket, endpointUrl, region }]) => [
        name,
        name === current ? 'yes' : '',
        bucket,
        endpointUrl ?? region ?? 'AWS',
      ]),
    ],
  }),
};
