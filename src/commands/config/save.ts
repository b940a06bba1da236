import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import {
  contextOf,
  type DeploymentContext,
  parseContextName,
  readContexts,
  writeContexts,
} from '../../config/contexts.ts';
import type { Execute, Invocation } from '../execute.ts';

interface KeptContext {
  readonly name: string;
  readonly file: string;
  readonly settings: DeploymentContext;
}

export function registerConfigSave(parent: Command, execute: Execute): void {
  const command = parent
    .command('save <name>')
    .description(
      'keep the deployment that flags, environment, Terraform and AWS profile name as a context; no secret is kept',
    )
    .addHelpText('after', '\nExample:\n  $ javumbo config save production --bucket my-bucket --region eu-central-1');
  command.action((name: string) => execute(command, (invocation) => configSave(invocation, name), saveView));
}

async function configSave({ config, context }: Invocation, given: string): Promise<KeptContext> {
  const name = parseContextName(given);
  const settings = contextOf(config);
  const { current, contexts } = readContexts(context.env);
  const file = await writeContexts(context, { current, contexts: { ...contexts, [name]: settings } });
  return { name, file, settings };
}

const saveView: View<KeptContext> = { fields: ({ name, file, settings }) => ({ context: name, file, ...settings }) };
