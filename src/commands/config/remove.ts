import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import {
  contextNamed,
  type DeploymentContext,
  LOCAL_CONTEXT,
  readContexts,
  writeContexts,
} from '../../config/contexts.ts';
import type { Context } from '../../core/context.ts';
import { JavumboError } from '../../core/failure.ts';
import type { Execute } from '../execute.ts';

interface RemovedContext {
  readonly name: string;
  readonly file: string;
  /** What it was, so that config save can keep it again. */
  readonly settings: DeploymentContext;
}

export function registerConfigRemove(parent: Command, execute: Execute): void {
  const command = parent
    .command('remove <name>')
    .description('forget a context that is not in use; what is in its deployment stays')
    .addHelpText('after', '\nExample:\n  $ javumbo config remove staging');
  command.action((name: string) =>
    execute(command, ({ context }) => configRemove(context, name), removeView, { unconfigured: true }),
  );
}

async function configRemove(context: Context, name: string): Promise<RemovedContext> {
  if (name === LOCAL_CONTEXT) {
    throw new JavumboError('usage', `"${LOCAL_CONTEXT}" is the local deployment, which is always there`, {
      try: 'javumbo config list',
    });
  }
  const known = readContexts(context.env);
  const settings = contextNamed(name, known);
  // Without it the next command would work on the local deployment, unasked.
  if (known.current === name) {
    throw new JavumboError('usage', `context ${JSON.stringify(name)} is in use`, {
      try: `javumbo config use ${LOCAL_CONTEXT}, or another one, and then the same command`,
    });
  }
  const { [name]: _, ...contexts } = known.contexts;
  const file = await writeContexts(context, { current: known.current, contexts });
  return { name, file, settings };
}

const removeView: View<RemovedContext> = {
  fields: ({ name, file, settings }) => ({ removed: name, file, ...settings }),
};
