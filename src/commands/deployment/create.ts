import type { Command } from 'commander';
import type { Execute } from '../execute.ts';
import { provisionDeployment, provisionView } from './provision.ts';

export function registerDeploymentCreate(parent: Command, execute: Execute): void {
  const command = parent
    .command('create')
    .description('create what is missing of the bucket and the tables, on an engine without Terraform; can be repeated')
    .option('-n, --dry-run', 'show what would be created, and create nothing')
    .addHelpText(
      'after',
      '\nExample:\n  $ javumbo deployment create --bucket my-bucket --endpoint-url http://ceph:7480',
    );
  command.action(({ dryRun = false }: { dryRun?: boolean }) =>
    execute(command, (invocation) => provisionDeployment(invocation, dryRun ? 'plan' : 'create'), provisionView),
  );
}
