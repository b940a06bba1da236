import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import {
  contextOf,
  type DeploymentContext,
  differencesOf,
  parseContextName,
  readContexts,
  writeContexts,
} from '../../config/contexts.ts';
import { JavumboError } from '../../core/failure.ts';
import type { Execute, Invocation } from '../execute.ts';

interface Options {
  readonly yes?: boolean;
}

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
    .option('-y, --yes', 'replace a context of that name')
    .addHelpText('after', '\nExample:\n  $ javumbo config save production --bucket my-bucket --region eu-central-1');
  command.action((name: string, options: Options) =>
    execute(command, (invocation) => configSave(invocation, name, options), saveView),
  );
}

async function configSave(
  { config, context, requireMeantDeployment }: Invocation,
  given: string,
  { yes = false }: Options,
): Promise<KeptContext> {
  const name = parseContextName(given);
  const settings = contextOf(config);
  // Another context may be what is copied, with something from elsewhere.
  requireMeantDeployment();
  const { current, contexts } = readContexts(context.env);
  const differing = Object.hasOwn(contexts, name) ? differencesOf(contexts[name] ?? {}, settings) : [];
  if (differing.length > 0 && !yes) {
    const what = differing.join(differing.length > 2 ? ', ' : ' and ');
    throw new JavumboError('usage', `there is a context ${JSON.stringify(name)}, with another ${what}`, {
      try: 'another name, or --yes to replace it',
    });
  }
  const file = await writeContexts(context, { current, contexts: { ...contexts, [name]: settings } });
  return { name, file, settings };
}

const saveView: View<KeptContext> = { fields: ({ name, file, settings }) => ({ context: name, file, ...settings }) };
