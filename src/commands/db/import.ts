import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { withProgress } from '../../cli/progress.ts';
import { runBlockingIn } from '../../core/run-blocking.ts';
import { parseUsername } from '../../core/username.ts';
import type { ImportCounts } from '../../exchange/import.ts';
import type { Execute, Invocation } from '../execute.ts';
import { OPERATOR_RETRIES } from './exec.ts';
import { reportWrite, type WriteReport, writeView } from './outcome.ts';
import { lossOf } from './package-file.ts';

export interface ImportReport extends WriteReport {
  readonly imported: ImportCounts;
  /** How many files the notes refer to and the package holds; with --media, what became of them. */
  readonly media: {
    readonly referred: number;
    readonly packed: number;
    readonly written?: number;
    readonly unchanged?: number;
  };
}

interface ImportOptions {
  readonly deck?: string;
  readonly media?: string;
}

export function registerDbImport(parent: Command, execute: Execute): void {
  const command = parent
    .command('import <username> <file>')
    .description('add the notes of a package of Anki (.apkg, .colpkg), and update those it has newer')
    .option('--deck <name>', 'put all new cards into this deck (default: decks by name)')
    .option('--media <directory>', 'put the media of the package there, beside what is there')
    .addHelpText('after', '\nExample:\n  $ javumbo db import alice german.apkg');
  command.action((username: string, file: string, options: ImportOptions) =>
    execute(command, (invocation) => dbImport(invocation, parseUsername(username), file, options), importView),
  );
}

export async function dbImport(
  invocation: Invocation,
  username: string,
  file: string,
  { deck, media }: ImportOptions,
): Promise<ImportReport> {
  const { directoryOf } = await import('./media-option.ts');
  const directory = directoryOf(media);
  const [{ openPackage }, { importPackage }, { referredMedia }, { takeMedia }] = await Promise.all([
    import('../../exchange/open-package.ts'),
    import('../../exchange/import.ts'),
    import('../../exchange/media.ts'),
    import('../../exchange/take-media.ts'),
  ]);
  const { withPackage } = await import('./package-file.ts');
  const { context } = invocation;
  return withProgress(invocation, (progress) => {
    progress.show(`unpacking ${file}`);
    return withPackage(invocation, file, async (unpacked, work, sqlite) => {
      const source = await runBlockingIn(context)(() => openPackage(sqlite, unpacked.path, file));
      try {
        const referred = referredMedia(source).size;
        const taken =
          directory === undefined ? undefined : await takeMedia(unpacked, directory, { work, random: context.random });
        const different = taken?.different.map((name) => `${directory} has another file ${name}, which stays`) ?? [];
        for (const warning of different) invocation.note(`warning: ${warning}`);
        progress.show(`importing ${file} into database "${username}"`);
        let imported: ImportCounts | undefined;
        const report = await reportWrite(invocation, username, async (databases) => {
          const { value, ...result } = await databases.update(
            username,
            (database) => importPackage(database, source, { deck }, context),
            { retries: OPERATOR_RETRIES, grows: true },
          );
          imported = value;
          return result;
        });
        const warnings = [...unpacked.losses.map(lossOf), ...different];
        return {
          ...report,
          imported: imported as ImportCounts,
          media: {
            referred,
            packed: unpacked.media.size,
            ...(taken === undefined ? {} : { written: taken.written, unchanged: taken.unchanged }),
          },
          ...(warnings.length === 0 ? {} : { warnings }),
        };
      } finally {
        source.close();
      }
    });
  });
}

const importView: View<ImportReport> = {
  json: ({ username: _, ...report }) => report,
  fields: (report) => {
    const { notes, cards, reviews, decks, noteTypes } = report.imported;
    const { requests, attempts, ...fields } = writeView.fields?.(report) ?? {};
    const { referred, packed, written } = report.media;
    return {
      ...fields,
      notes: `${notes.added} added, ${notes.updated} updated, ${notes.unchanged} unchanged, ${notes.left} left`,
      'new cards': cards,
      'new reviews': reviews,
      'new decks': decks,
      'new note types': noteTypes,
      media: `${packed} of ${referred}${written === undefined ? '' : `, ${written} written`}`,
      attempts,
      requests,
    };
  },
};
