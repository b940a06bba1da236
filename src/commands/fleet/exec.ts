import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { readTextFile } from '../../core/input-file.ts';
import type { Execute, Invocation } from '../execute.ts';
import {
  type MigrationFlags,
  type MigrationReport,
  migrate,
  migrationOptions,
  migrationView,
  refuseTogether,
} from './migration.ts';

interface ExecOptions extends MigrationFlags {
  readonly file: string;
}

export function registerFleetExec(parent: Command, execute: Execute): void {
  const command = parent
    .command('exec')
    .description("run a script in every user's database, in one transaction each, once")
    .requiredOption('--file <script>', 'a file of SQL statements')
    .option('--force', 'also leave what is no Anki collection any more')
    .addHelpText('after', '\nExample:\n  $ javumbo fleet exec --file migration.sql --canary 5');
  migrationOptions(command).action((options: ExecOptions) =>
    execute(command, (invocation) => fleetExec(invocation, options), migrationView(options)),
  );
}

async function fleetExec(invocation: Invocation, options: ExecOptions): Promise<MigrationReport> {
  refuseTogether(options);
  const { refuseUnparsable, runScript, statementsOf } = await import('../../sqlite/sql.ts');
  const { sqliteEngine } = await import('../../sqlite/choose-engine.ts');
  const sql = await readTextFile(options.file, 'another --file, of SQL in UTF-8');
  // Before anybody is looked at.
  refuseUnparsable(await sqliteEngine(invocation.config.sqliteEngine.value), statementsOf(sql));
  return migrate(invocation, options, {
    kind: 'fleet exec',
    sourceSha256: createHash('sha256').update(sql).digest('hex'),
    run: (database) => runScript(database, sql, []),
  });
}
