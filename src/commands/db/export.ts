import { constants, createReadStream, statSync } from 'node:fs';
import { chmod, copyFile } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { noteUnfinished } from '../../cache/work-directory.ts';
import type { View } from '../../cli/print.ts';
import { withProgress } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatBytes } from '../../core/format.ts';
import { partOf, replaceFile } from '../../core/replace-file.ts';
import { runBlockingIn } from '../../core/run-blocking.ts';
import { parseUsername } from '../../core/username.ts';
import type { PackageCounts } from '../../exchange/export.ts';
import type { SqliteDatabase } from '../../sqlite/engine.ts';
import type { Execute, Invocation } from '../execute.ts';
import { AT, type AtFlag } from './at-option.ts';
import { operatorDatabases } from './outcome.ts';
import { targetOf } from './pull.ts';

export interface ExportedPackage extends PackageCounts {
  readonly username: string;
  readonly version: string;
  readonly file: string;
  readonly sizeBytes: number;
  /** How many files notes and note types refer to, and how many of them came along. */
  readonly media: { readonly referred: number; readonly packed: number };
}

interface ExportOptions extends AtFlag {
  readonly out: string;
  readonly deck?: string;
  readonly withScheduling?: boolean;
  readonly media?: string;
}

export function registerDbExport(parent: Command, execute: Execute): void {
  const command = parent
    .command('export <username>')
    .description("write decks as a package (.apkg), or the collection (.colpkg), for Anki's import")
    .requiredOption('-o, --out <file>', 'the file to write or replace; its ending says which of the two')
    .option('--deck <name>', 'only this deck and those below it')
    .option('--with-scheduling', 'also when cards are due, review history and deck options')
    .option('--media <directory>', 'take the media that notes refer to from there')
    .option('--at <time>', AT)
    .addHelpText('after', '\nExample:\n  $ javumbo db export alice --out german.apkg --deck German');
  command.action((username: string, options: ExportOptions) =>
    execute(command, (invocation) => dbExport(invocation, parseUsername(username), options), exportView),
  );
}

export async function dbExport(
  invocation: Invocation,
  username: string,
  { out, deck, withScheduling: scheduling = false, media, at }: ExportOptions,
): Promise<ExportedPackage> {
  const isWhole = isCollectionPackage(out);
  if (isWhole && deck !== undefined) {
    throw new JavumboError('usage', 'a .colpkg holds the whole collection, and --deck names a part', {
      try: '--out with a name that ends in .apkg',
    });
  }
  const file = await targetOf(out);
  const { directoryOf } = await import('./media-option.ts');
  const directory = directoryOf(media);
  const [{ countsOf, exportDecks }, { findMedia, mediaFiles, referredMedia }, { packed }] = await Promise.all([
    import('../../exchange/export.ts'),
    import('../../exchange/media.ts'),
    import('../../exchange/pack.ts'),
  ]);
  const { openReadOnly, openWorkingCopy, quickCheck } = await import('../../sqlite/engine.ts');
  const { refuseNewerSchema } = await import('../../anki/refuse-newer-schema.ts');
  const { readCollection } = await import('../../anki/stored-collection.ts');
  const { setRollbackMode } = await import('../../sqlite/header.ts');
  const { sqliteEngine } = await import('../../sqlite/choose-engine.ts');
  const { asCorruption, asDatabaseFailure } = await import('../../sqlite/failure.ts');
  const deployment = await invocation.deployment();
  const { context, config } = invocation;
  const sqlite = await sqliteEngine(config.sqliteEngine.value);
  const databases = operatorDatabases(deployment, invocation);
  const point = at === undefined ? undefined : await (await import('./at.ts')).pointId(deployment, username, at);
  const work = deployment.cache.workDirectory();
  const copy = join(work.path, 'whole.anki2');
  const part = join(work.path, 'part.anki2');
  const build = (): { counts: PackageCounts; referred: Set<string> } => {
    const collection = openReadOnly(sqlite, copy);
    let target: SqliteDatabase | undefined;
    try {
      refuseNewerSchema(collection, username);
      quickCheck(collection);
      if (isWhole) {
        readCollection(collection);
        return { counts: countsOf(collection), referred: referredMedia(collection) };
      }
      target = openWorkingCopy(sqlite, part);
      const counts = exportDecks(target, { path: copy, collection }, { deck, scheduling }, context);
      return { counts, referred: referredMedia(target) };
    } catch (error) {
      throw asCorruption(error, username) ?? asDatabaseFailure(error, username);
    } finally {
      target?.close();
      collection.close();
    }
  };
  return withProgress(invocation, async (progress) => {
    try {
      progress.show(`fetching database "${username}"`);
      const version = await databases.withFile(
        username,
        async (path, stored, damage) => {
          if (damage !== undefined) throw damage;
          await copyFile(path, copy, constants.COPYFILE_FICLONE);
          await chmod(copy, 0o600);
          setRollbackMode(copy);
          return stored.version;
        },
        { point },
      );
      progress.show(`gathering ${deck === undefined ? 'all decks' : `deck "${deck}"`}`);
      const { counts, referred } = await runBlockingIn(context)(build);
      const found = directory === undefined ? { names: [], directory: '' } : await findMedia(referred, directory);
      const { signal } = context;
      async function* content(): AsyncGenerator<Uint8Array> {
        let written = 0;
        const collection = { name: 'collection.anki2', content: createReadStream(isWhole ? copy : part) };
        for await (const piece of packed([collection, ...mediaFiles(found)])) {
          signal?.throwIfAborted();
          yield piece;
          written += piece.length;
          progress.show(`writing ${formatBytes(written)} to ${file}`);
        }
      }
      const unfinished = partOf(resolve(file), context.random);
      // After a kill, the next command that makes a work directory, or a clean-up, removes both.
      noteUnfinished(work, unfinished);
      await replaceFile(file, content(), { mode: 0o600, random: context.random, part: unfinished });
      const media = { referred: referred.size, packed: found.names.length };
      return { username, version, file, sizeBytes: statSync(file).size, ...counts, media };
    } finally {
      work.release();
    }
  });
}

/** True for `.colpkg`, false for `.apkg`. Throws `usage` for any other ending. */
function isCollectionPackage(file: string): boolean {
  const ending = extname(file).toLowerCase();
  if (ending === '.colpkg' || ending === '.apkg') return ending === '.colpkg';
  throw new JavumboError('usage', `${file} ends neither in .apkg nor in .colpkg, by which Anki knows what it is`, {
    try: '--out with a name that ends in .apkg',
  });
}

const exportView: View<ExportedPackage> = {
  fields: ({ username, version, file, sizeBytes, media, noteTypes, ...counts }) => ({
    username,
    version,
    file,
    size: { bytes: sizeBytes },
    ...counts,
    'note types': noteTypes,
    media: `${media.packed} of ${media.referred}`,
  }),
};
