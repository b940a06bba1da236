import type { Command } from 'commander';
import { sha256Of } from '../../core/file.ts';
import { runBlockingIn } from '../../core/run-blocking.ts';
import { withPackage } from '../db/package-file.ts';
import type { Execute, Invocation } from '../execute.ts';
import {
  type MigrationFlags,
  type MigrationReport,
  migrate,
  migrationOptions,
  migrationView,
  refuseTogether,
} from './migration.ts';

interface ImportOptions extends MigrationFlags {
  readonly deck?: string;
}

export function registerFleetImport(parent: Command, execute: Execute): void {
  const command = parent
    .command('import <file>')
    .description("add the notes of a package of Anki (.apkg, .colpkg) to every user's database, once")
    .option('--deck <name>', 'put all new cards into this deck (default: decks by name)')
    .addHelpText('after', '\nExample:\n  $ javumbo fleet import german.apkg --users class.txt');
  migrationOptions(command).action((file: string, options: ImportOptions) =>
    execute(command, (invocation) => fleetImport(invocation, file, options), migrationView(options)),
  );
}

async function fleetImport(invocation: Invocation, file: string, options: ImportOptions): Promise<MigrationReport> {
  refuseTogether(options);
  const { deck } = options;
  const { context } = invocation;
  const [{ openPackage }, { importPackage }] = await Promise.all([
    import('../../exchange/open-package.ts'),
    import('../../exchange/import.ts'),
  ]);
  return withPackage(invocation, file, async (unpacked, _, sqlite) => {
    const source = await runBlockingIn(context)(() => openPackage(sqlite, unpacked.path, file));
    try {
      return await migrate(invocation, options, {
        kind: 'fleet import',
        sourceSha256: await sha256Of(file),
        ...(deck === undefined ? {} : { deck }),
        grows: true,
        run: (database) => {
          const { notes } = importPackage(database, source, { deck }, context);
          return notes.added + notes.updated;
        },
      });
    } finally {
      source.close();
    }
  });
}
