import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { progressBar, withProgress } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import { visible } from '../../core/format.ts';
import { isDirectory } from '../../core/make-directory.ts';
import { sqliteEngine } from '../../sqlite/choose-engine.ts';
import type { ImportedRow, StoreDatabase } from '../../users/import.ts';
import { operatorDatabases } from '../db/outcome.ts';
import { copyDatabase, storeFile } from '../db/store-file.ts';
import type { Execute, Invocation } from '../execute.ts';
import { openRepository } from './repository.ts';

interface ImportOptions {
  readonly withDatabases?: string;
  readonly dryRun?: boolean;
}

interface Skipped {
  readonly userId?: number;
  readonly username: string;
  readonly reason: string;
}

interface ImportResult {
  /** Accounts that were created, or would be in a dry run. */
  readonly importedCount: number;
  /** Accounts that existed with the same hash. */
  readonly unchangedCount: number;
  readonly skipped: readonly Skipped[];
  /** Absent without --with-databases. */
  readonly databases?: {
    readonly createdCount: number;
    readonly unchangedCount: number;
    readonly noneCount: number;
    readonly skipped: readonly Skipped[];
  };
  readonly dryRun: boolean;
}

export function registerUserImport(parent: Command, execute: Execute): void {
  const command = parent
    .command('import <admin.db>')
    .description("import the monolith's accounts with their bcrypt hashes; can be repeated")
    .option('--with-databases <dir>', 'also store user_{id}.db or {username}.anki2 from there as their databases')
    .option('-n, --dry-run', 'show what would be done, and do nothing')
    .addHelpText('after', '\nExample:\n  $ javumbo user import admin.db --with-databases ./user_dbs --dry-run');
  command.action((file: string, options: ImportOptions) =>
    execute(command, (invocation) => userImport(invocation, file, options), importView),
  );
}

export async function userImport(
  invocation: Invocation,
  file: string,
  { withDatabases, dryRun = false }: ImportOptions,
): Promise<ImportResult> {
  if (withDatabases !== undefined && !isDirectory(withDatabases)) {
    throw new JavumboError('usage', `${withDatabases} is not a directory`, { try: 'another --with-databases' });
  }
  const { importUsers, readAdminDatabase } = await import('../../users/import.ts');
  const repository = await openRepository(invocation);
  const { cache } = await invocation.deployment();
  const copy = cache.workDirectory();
  const importing = withProgress(invocation, async (progress) => {
    const sqlite = await sqliteEngine(invocation.config.sqliteEngine.value);
    const rows = await readAdminDatabase(sqlite, file, join(copy.path, 'admin.db'), invocation.context.runBlocking);
    let done = 0;
    const imported = await importUsers(rows, {
      repository,
      dryRun,
      databases:
        withDatabases === undefined
          ? undefined
          : { directory: withDatabases, store: await databaseStorer(invocation, dryRun ? copy.path : undefined) },
      onProgress: (finished) => {
        done = finished;
        progress.show(progressBar('importing accounts', finished, rows.length));
      },
    }).catch((error: unknown) => {
      invocation.note(`note: ${done} of ${rows.length} rows were done before that; the next run will not change them`);
      throw error;
    });
    return summaryOf(imported, withDatabases !== undefined, dryRun);
  });
  return importing.finally(() => copy.release());
}

/** `dryRun`: a directory in which to check copies of the files, without storing any. */
async function databaseStorer(invocation: Invocation, dryRun: string | undefined): Promise<StoreDatabase> {
  const deployment = await invocation.deployment();
  if (dryRun !== undefined) {
    return async (username, file) => {
      if ((await deployment.store.head(username)) !== undefined) return false;
      const copy = join(dryRun, `${username}.anki2`);
      await copyDatabase(invocation, username, file, copy);
      rmSync(copy);
      return true;
    };
  }
  const databases = operatorDatabases(deployment, invocation);
  return async (username, file) => {
    try {
      await storeFile(invocation, databases, username, file, { kind: 'nothing' });
      return true;
    } catch (error) {
      if (error instanceof JavumboError && error.kind === 'conflict') return false;
      throw error;
    }
  };
}

function summaryOf(rows: readonly ImportedRow[], withDatabases: boolean, dryRun: boolean): ImportResult {
  const count = (matches: (row: ImportedRow) => boolean): number => rows.filter(matches).length;
  const skipped = (why: (row: ImportedRow) => string | undefined): Skipped[] =>
    rows.flatMap((row) => {
      const reason = why(row);
      const { userId, username } = row;
      return reason === undefined ? [] : { ...(userId === undefined ? {} : { userId }), username, reason };
    });
  const databases = {
    createdCount: count(({ database }) => database === 'created'),
    unchangedCount: count(({ database }) => database === 'unchanged'),
    noneCount: count(({ database }) => database === 'none'),
    skipped: skipped(({ databaseReason }) => databaseReason),
  };
  return {
    importedCount: count(({ outcome }) => outcome === 'imported'),
    unchangedCount: count(({ outcome }) => outcome === 'unchanged'),
    skipped: skipped(({ reason }) => reason),
    ...(withDatabases ? { databases } : {}),
    dryRun,
  };
}

const importView: View<ImportResult> = {
  text: ({ importedCount, unchangedCount, skipped, databases, dryRun }, paint) => {
    const lines = [
      ...skipped.map((row) => paint.warn(skippedLine('', row))),
      ...(databases?.skipped ?? []).map((row) => paint.warn(skippedLine('the database of ', row))),
      `${dryRun ? 'would import' : 'imported'} ${importedCount} accounts; ${unchangedCount} were there already; skipped ${skipped.length}`,
    ];
    if (databases === undefined) return lines.join('\n');
    const { createdCount, unchangedCount: thereCount, noneCount, skipped: left } = databases;
    const created = `${dryRun ? 'would create' : 'created'} ${createdCount} databases; ${thereCount} were there already`;
    return [...lines, `${created}; ${noneCount} have no file; skipped ${left.length}`].join('\n');
  },
  // A pipeline must not continue without some of its users.
  exitCode: ({ skipped, databases }) =>
    skipped.length + (databases?.skipped.length ?? 0) === 0 ? EXIT_CODE.ok : EXIT_CODE.violation,
};

function skippedLine(what: string, { username, reason }: Skipped): string {
  return `skipped ${what}${JSON.stringify(visible(username))}: ${visible(reason)}`;
}
