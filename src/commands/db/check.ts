import type { Command } from 'commander';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { parseUsername } from '../../core/username.ts';
import type { Execute, Invocation } from '../execute.ts';
import { reportRead } from './outcome.ts';

export interface CheckReport {
  readonly username: string;
  readonly version: string;
  readonly integrity: 'ok' | 'damaged';
  /** Damage that SQLite finds or, without any, what breaks Anki's rules. */
  readonly findings: readonly string[];
}

export function registerDbCheck(parent: Command, execute: Execute): void {
  const command = parent
    .command('check <username>')
    .description('examine every page, index and foreign row of a database')
    .addHelpText('after', '\nExample:\n  $ javumbo db check alice');
  command.action((username: string) =>
    execute(command, (invocation) => dbCheck(invocation, parseUsername(username)), checkView),
  );
}

export async function dbCheck(invocation: Invocation, username: string): Promise<CheckReport> {
  const { integrityFindings } = await import('../../sqlite/engine.ts');
  const { collectionFindings } = await import('../../anki/check.ts');
  return reportRead(invocation, username, ({ database, stored: { version } }) => {
    const damage = integrityFindings(database);
    if (damage.length > 0) return { username, version, integrity: 'damaged', findings: damage };
    return { username, version, integrity: 'ok', findings: collectionFindings(database) };
  });
}

export const checkView: View<CheckReport> = {
  table: ({ username, version, integrity, findings }) => ({
    rows: [
      ['username', username],
      ['version', version],
      ['integrity', integrity],
      ...findings.map((finding) => ['finding', finding] as const),
    ],
  }),
  exitCode: ({ integrity, findings }) =>
    integrity === 'damaged' ? EXIT_CODE.corrupt : findings.length > 0 ? EXIT_CODE.violation : EXIT_CODE.ok,
};
