import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { formatBytes } from '../../core/format.ts';
import type { FunctionDescription } from '../../function/remote-function.ts';
import type { Execute } from '../execute.ts';

export function registerFunctionDescribe(parent: Command, execute: Execute): void {
  const command = parent
    .command('describe')
    .description('show what is deployed: runtime, limits, state and code; of its environment only the names')
    .addHelpText('after', '\nExample:\n  $ javumbo function describe --json');
  command.action(() =>
    execute(command, async (invocation) => (await (await invocation.deployment()).function()).describe(), describeView),
  );
}

export const describeView: View<FunctionDescription> = {
  table: (description, audience) => {
    const { codeSizeBytes, environment } = description;
    const size =
      codeSizeBytes === undefined
        ? undefined
        : audience === 'people'
          ? formatBytes(codeSizeBytes)
          : String(codeSizeBytes);
    const where = description.kind === 'local' ? 'child processes of this command' : description.arn;
    const rows: readonly (readonly [string, string | undefined])[] = [
      ['function', description.name],
      ['where', where],
      ['runtime', `${description.runtime}, ${description.architecture}`],
      ['handler', description.handler],
      ['memory', `${description.memoryMb} MB`],
      ['time limit', `${description.timeoutSeconds} s`],
      ['/tmp', `${description.temporaryStorageMb} MB`],
      ['state', description.state],
      ['last update', description.lastUpdateStatus],
      ['code SHA-256', description.codeSha256],
      ['code size', size],
      ['last modified', description.lastModified],
      ['environment', environment.length === 0 ? undefined : environment.join(', ')],
    ];
    return { rows: rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])) };
  },
};
