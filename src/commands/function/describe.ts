import type { Command } from 'commander';
import { storedTimeCell } from '../../cli/cells.ts';
import type { View } from '../../cli/print.ts';
import type { FunctionDescription } from '../../function/remote-function.ts';
import type { Execute } from '../execute.ts';

export function registerFunctionDescribe(parent: Command, execute: Execute): void {
  const command = parent
    .command('describe')
    .description('show what is deployed: runtime, limits, state, code, and the names of its environment variables')
    .addHelpText('after', '\nExample:\n  $ javumbo function describe --json');
  command.action(() =>
    execute(command, async (invocation) => (await (await invocation.deployment()).function()).describe(), describeView),
  );
}

export const describeView: View<FunctionDescription> = {
  fields: (description) => ({
    function: description.name,
    where: description.kind === 'local' ? 'child processes of this command' : description.arn,
    runtime: `${description.runtime}, ${description.architecture}`,
    handler: description.handler,
    memory: `${description.memoryMb} MB`,
    'time limit': `${description.timeoutSeconds} s`,
    '/tmp': `${description.temporaryStorageMb} MB`,
    state: description.state,
    'last update': description.lastUpdateStatus,
    'code SHA-256': description.codeSha256,
    'code size': description.codeSizeBytes === undefined ? undefined : { bytes: description.codeSizeBytes },
    'last modified': storedTimeCell(description.lastModified),
    environment: description.environment.join(', ') || undefined,
  }),
};
