import { constants, createReadStream, existsSync, rmSync, statSync } from 'node:fs';
import { chmod, copyFile, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Command } from 'commander';
import { noteUnfinished, partialFile } from '../../cache/work-directory.ts';
import { type View, writeParts } from '../../cli/print.ts';
import { progressOn } from '../../cli/progress.ts';
import { JavumboError, messageOf } from '../../core/failure.ts';
import { sizeSoFar } from '../../core/file.ts';
import { formatBytes } from '../../core/format.ts';
import { pathBehindLinks } from '../../core/replace-file.ts';
import { parseUsername } from '../../core/username.ts';
import type { StoredDatabase } from '../../store/database-store.ts';
import type { Execute, Invocation } from '../execute.ts';
import { AT, type AtFlag } from './at-option.ts';
import { operatorDatabases } from './outcome.ts';

export interface PulledDatabase {
  readonly username: string;
  readonly version: string;
  readonly sizeBytes: number;
  readonly file: string;
}

export function registerDbPull(parent: Command, execute: Execute): void {
  const command = parent
    .command('pull <username>')
    .description("copy a user's database into a file and print its version")
    .option(
      '-o, --out <file>',
      'the file to write or replace, - for standard output (default: ./<username>.anki2, unless it exists)',
    )
    .option('--at <time>', AT)
    .addHelpText('after', '\nExample:\n  $ javumbo db pull alice --out alice.anki2');
  command.action((username: string, { out, at }: AtFlag & { out?: string }) =>
    execute(command, (invocation) => dbPull(invocation, parseUsername(username), out, at), pullView),
  );
}

export async function dbPull(
  invocation: Invocation,
  username: string,
  out: string | undefined,
  at?: string,
): Promise<PulledDatabase> {
  if (out === '-') return pullToStdout(invocation, username, at);
  const file = await targetOf(out ?? `${username}.anki2`);
  if (out === undefined && existsSync(file)) {
    throw new JavumboError('usage', `${file} exists, and may hold your changes`, {
      try: `javumbo db pull ${username} --out <file>`,
      username,
    });
  }
  const { deployment, databases, point, progress } = await opened(invocation, username, at);
  const { context } = invocation;
  const { signal } = context;
  const partial = partialFile(resolve(file), context.random);
  // After a kill, the next command that makes one, or a clean-up, removes both.
  const work = deployment.cache.workDirectory();
  noteUnfinished(work, partial);
  // Synchronous: a second Ctrl-C does not wait for the copy to end.
  const removePartial = (): void => rmSync(partial, { force: true });
  const pulled = databases.withFile(
    username,
    async (path, { version, sizeBytes }, damage) => {
      if (damage !== undefined) {
        progress.done();
        invocation.note(`warning: ${damage.message}`);
      }
      progress.show('writing the file', {
        direction: 'down',
        totalBytes: sizeBytes,
        doneBytes: () => sizeSoFar(partial),
      });
      signal?.addEventListener('abort', removePartial);
      try {
        await copyFile(path, partial, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
        signal?.throwIfAborted();
        context.atStep?.('partial-written');
        await chmod(partial, 0o600);
        progress.done();
        await rename(partial, file);
        return { username, version, sizeBytes, file };
      } catch (error) {
        if (signal?.aborted) {
          removePartial();
          throw signal.reason;
        }
        // Where it cannot be removed it was never made, as in a read-only directory.
        await rm(partial, { force: true }).catch(() => {});
        // Without the paths of the copy, which are nobody's business.
        const reason = messageOf(error).replace(/, \w+ '.*$/s, '');
        throw new JavumboError('usage', `${file} cannot be written: ${reason}`, { try: 'another --out', cause: error });
      } finally {
        signal?.removeEventListener('abort', removePartial);
      }
    },
    { point },
  );
  return pulled.finally(() => {
    progress.done();
    work.release();
  });
}

/** Opens the deployment and finds the point in time that is meant, and shows how the bytes come. */
async function opened(invocation: Invocation, username: string, at: string | undefined) {
  const { context, flags } = invocation;
  const progress = progressOn(context, flags.quiet, flags.progressJson);
  const fetching = `fetching database "${username}"`;
  const deployment = await invocation.deployment({ onTransfer: (bytes) => progress.show(fetching, bytes) });
  const databases = operatorDatabases(deployment, invocation);
  const point = at === undefined ? undefined : await (await import('./at.ts')).pointId(deployment, username, at);
  progress.show(fetching);
  return { deployment, databases, point, progress };
}

/** Writes the database to standard output and, since that is taken, its version to standard error. */
async function pullToStdout(invocation: Invocation, username: string, at: string | undefined): Promise<PulledDatabase> {
  const { context, flags, note } = invocation;
  const taken = flags.json ? '--json prints a document there' : context.stdout.isTTY && 'a terminal shows no bytes';
  if (taken) {
    throw new JavumboError('usage', `the file cannot go to standard output: ${taken}`, {
      try: `javumbo db pull ${username} --out - > ${username}.anki2`,
      username,
    });
  }
  const { databases, point, progress } = await opened(invocation, username, at);
  const write = async (
    path: string,
    { version, sizeBytes }: StoredDatabase,
    damage: JavumboError | undefined,
  ): Promise<PulledDatabase> => {
    if (damage !== undefined) {
      progress.done();
      note(`warning: ${damage.message}`);
    }
    const bytes = createReadStream(path);
    progress.show('writing to standard output', {
      direction: 'down',
      totalBytes: sizeBytes,
      doneBytes: () => bytes.bytesRead,
    });
    await writeParts(bytes as AsyncIterable<Buffer>, context, true);
    progress.done();
    note(`note: ${formatBytes(sizeBytes)} of version ${version}`);
    return { username, version, sizeBytes, file: '-' };
  };
  return databases.withFile(username, write, { point }).finally(() => progress.done());
}

/** Follows links to the file of --out. Throws `usage` for anything but an ordinary file, such as a device or a pipe. */
export async function targetOf(path: string): Promise<string> {
  const file = await pathBehindLinks(path).catch((error: unknown) => {
    if (error instanceof JavumboError) throw error;
    // If it cannot be examined, writing it fails and says why.
    return resolve(path);
  });
  if (!existsSync(file)) {
    if (existsSync(dirname(file))) return file;
    throw new JavumboError('usage', `${file} cannot be written: there is no directory ${dirname(file)}`, {
      try: `mkdir -p ${dirname(file)}`,
    });
  }
  if (statSync(file).isFile()) return file;
  throw new JavumboError('usage', `${file} cannot be written: it is not an ordinary file`, {
    try: '--out with the name of a file, which is replaced in one step',
  });
}

export const pullView: View<PulledDatabase> = {
  fields: ({ username, version, sizeBytes, file }) =>
    file === '-' ? {} : { username, version, size: { bytes: sizeBytes }, file },
};
