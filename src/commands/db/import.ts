import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { withProgress } from '../../cli/progress.ts';
import { runBlockingIn } from '../../core/run-blocking.ts';
import { parseUsername } from '../../core/username.ts';
import type { ImportCounts } from '../../exchange/import.ts';
import type { Execute, Invocation } from '../execute.ts';
import { OPERATOR_RETRIES } from './exec.ts';
import { reportWrite, type WriteReport, writeView } from './outcome.ts';

export interface ImportReport extends WriteReport {
  readonly imported: ImportCounts;
}

interface ImportOptions {
  readonly deck?: string;
}

export function registerDbImport(parent: Command, execute: Execute): void {
  const command = parent
    .command('import <username> <file>')
    .description('add the notes of a package of Anki (.apkg, .colpkg), and update those it has newer')
    .option('--deck <name>', 'put all new cards into this deck (default: decks by name)')
    .addHelpText('after', '\nExample:\n  $ javumbo db import alice german.apkg');
  command.action((username: string, file: string, options: ImportOptions) =>
    execute(command, (invocation) => dbImport(invocation, parseUsername(username), file, options), importView),
  );
}

export async function dbImport(
  invocation: Invocation,
  username: string,
  file: string,
  { deck }: ImportOptions,
): Promise<ImportReport> {
  const [{ openPackage, unpackCollection }, { importPackage }, { sqliteEngine }] = await Promise.all([
    import('../../exchange/open-package.ts'),
    import('../../exchange/import.ts'),
    import('../../sqlite/choose-engine.ts'),
  ]);
  const { context, config } = invocation;
  const { cache } = await invocation.deployment();
  const sqlite = await sqliteEngine(config.sqliteEngine.value);
  const work = cache.workDirectory();
  return withProgress(invocation, async (progress) => {
    try {
      progress.show(`unpacking ${file}`);
      const path = await unpackCollection(file, work.path, context.signal);
      const source = await runBlockingIn(context)(() => openPackage(sqlite, path, file));
      try {
        progress.show(`importing ${file} into database "${username}"`);
        let imported: ImportCounts | undefined;
        const report = await reportWrite(invocation, username, async (databases) => {
          const { value, ...result } = await databases.update(
            username,
            (database) => importPackage(database, source, { deck }, context),
            { retries: OPERATOR_RETRIES },
          );
          imported = value;
          return result;
        });
        return { ...report, imported: imported as ImportCounts };
      } finally {
        source.close();
      }
    } finally {
      work.release();
    }
  });
}

const importView: View<ImportReport> = {
  json: ({ username: _, ...report }) => report,
  fields: (report) => {
    const { notes, cards, reviews, decks, noteTypes } = report.imported;
    const { requests, attempts, ...fields } = writeView.fields?.(report) ?? {};
    return {
      ...fields,
      notes: `${notes.added} added, ${notes.updated} updated, ${notes.unchanged} unchanged, ${notes.left} left`,
      'new cards': cards,
      'new reviews': reviews,
      'new decks': decks,
      'new note types': noteTypes,
      attempts,
      requests,
    };
  },
};
