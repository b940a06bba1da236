import type { Command } from 'commander';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { parseUsername } from '../../core/username.ts';
import type { ReadSession } from '../../databases/session.ts';
import type { SqliteDatabase } from '../../sqlite/engine.ts';
import type { Execute, Invocation } from '../execute.ts';
import { AT, type AtFlag } from './at-option.ts';
import { OPERATOR_RETRIES } from './exec.ts';
import { reportRead, reportWrite, type WriteReport } from './outcome.ts';

export interface CheckReport {
  readonly username: string;
  readonly version: string;
  readonly integrity: 'ok' | 'damaged';
  /** Damage that SQLite finds or, without any, what breaks Anki's rules; after a repair, what is left of it. */
  readonly findings: readonly string[];
  /** Only with --repair. */
  readonly repair?: Pick<WriteReport, 'outcome' | 'attempts' | 'requests'> & { readonly repaired: readonly string[] };
}

export function registerDbCheck(parent: Command, execute: Execute): void {
  const command = parent
    .command('check <username>')
    .description("examine every page, index and foreign row of a database, and the collection by Anki's rules")
    .option('--repair', "make the repairs that Anki's own check makes, as one commit")
    .option('--at <time>', AT)
    .addHelpText('after', '\nExample:\n  $ javumbo db check alice');
  command.action((username: string, { repair = false, at }: AtFlag & { repair?: boolean }) =>
    execute(
      command,
      (invocation) =>
        repair ? dbRepair(invocation, parseUsername(username), at) : dbCheck(invocation, parseUsername(username), at),
      checkView,
    ),
  );
}

export async function dbCheck(invocation: Invocation, username: string, at?: string): Promise<CheckReport> {
  const { integrityFindings } = await import('../../sqlite/engine.ts');
  const { collectionFindings } = await import('../../anki/check.ts');
  const now = invocation.context.clock.now();
  const look = ({ database, stored: { version } }: ReadSession): CheckReport => {
    const damage = integrityFindings(database);
    if (damage.length > 0) return { username, version, integrity: 'damaged', findings: damage };
    return { username, version, integrity: 'ok', findings: collectionFindings(database, now) };
  };
  return reportRead(invocation, username, look, at);
}

async function dbRepair(invocation: Invocation, username: string, at: string | undefined): Promise<CheckReport> {
  if (at !== undefined) {
    throw new JavumboError('usage', '--repair changes the current version, and --at names an earlier one', {
      try: `javumbo db restore ${username} --at ${at}`,
    });
  }
  const { integrityFindings } = await import('../../sqlite/engine.ts');
  const { collectionFindings } = await import('../../anki/check.ts');
  const { repairCollection } = await import('../../anki/repair.ts');
  const { clock } = invocation.context;
  let repaired: readonly string[] = [];
  let findings: readonly string[] = [];
  const edit = (database: SqliteDatabase): void => {
    const [damage] = integrityFindings(database);
    if (damage !== undefined) throw new JavumboError('corrupt', `it is damaged: ${damage}`);
    repaired = repairCollection(database, invocation.context);
    findings = collectionFindings(database, clock.now());
  };
  const { version, outcome, attempts, requests } = await reportWrite(invocation, username, (databases) =>
    databases.update(username, edit, { retries: OPERATOR_RETRIES }),
  );
  return { username, version, integrity: 'ok', findings, repair: { outcome, attempts, requests, repaired } };
}

export const checkView: View<CheckReport> = {
  table: ({ username, version, integrity, findings, repair }) => ({
    rows: [
      ['username', username],
      ['version', version],
      ['integrity', integrity],
      ...(repair === undefined ? [] : [['repair', repair.outcome] as const]),
      ...(repair?.repaired ?? []).map((finding) => ['repaired', finding] as const),
      ...findings.map((finding) => ['finding', finding] as const),
    ],
  }),
  exitCode: ({ integrity, findings }) =>
    integrity === 'damaged' ? EXIT_CODE.corrupt : findings.length > 0 ? EXIT_CODE.violation : EXIT_CODE.ok,
};
