import type { Command } from 'commander';
import type { Execute } from '../execute.ts';
import { provisionDeployment, provisionView } from './provision.ts';

export function registerDeploymentDescribe(parent: Command, execute: Execute): void {
  const command = parent
    .command('describe')
    .description('show the bucket and the tables, and how they are set')
    .addHelpText('after', '\nExample:\n  $ javumbo deployment describe --json');
  command.action(() => execute(command, (invocation) => provisionDeployment(invocation, 'describe'), provisionView));
}
