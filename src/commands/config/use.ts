import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { contextNamed, LOCAL_CONTEXT, readContexts, writeContexts } from '../../config/contexts.ts';
import type { Context } from '../../core/context.ts';
import type { Execute } from '../execute.ts';

export function registerConfigUse(parent: Command, execute: Execute): void {
  const command = parent
    .command('use <name>')
    .description('work on a context from now on where nothing else is named; local for the local deployment')
    .addHelpText('after', '\nExample:\n  $ javumbo config use local');
  command.action((name: string) =>
    execute(command, ({ context }) => configUse(context, name), useView, { unconfigured: true }),
  );
}

async function configUse(context: Context, name: string): Promise<{ current: string | null }> {
  const { contexts } = readContexts(context.env);
  if (name !== LOCAL_CONTEXT) contextNamed(name, { contexts });
  const current = name === LOCAL_CONTEXT ? undefined : name;
  await writeContexts(context, { current, contexts });
  return { current: current ?? null };
}

const useView: View<{ current: string | null }> = { fields: ({ current }) => ({ current: current ?? LOCAL_CONTEXT }) };
