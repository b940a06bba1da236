import { constants, type Stats } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { codeOf, JavumboError, messageOf } from '../../core/failure.ts';
import { pathBehindLinks, replaceFile } from '../../core/replace-file.ts';
import type { Execute, Invocation } from '../execute.ts';

const DEFAULT_FILE = 'javumbo-function.zip';

export interface WrittenPackage {
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly codeSha256: string;
  readonly version: string;
}

interface Options {
  readonly out: string;
  readonly yes?: boolean;
}

export function registerFunctionPackage(parent: Command, execute: Execute): void {
  const command = parent
    .command('package')
    .description('write the function as a zip for Lambda: the same bytes for the same version')
    .option('-o, --out <file>', 'the file to write; replaces an older package', DEFAULT_FILE)
    .option('-y, --yes', 'replace any other file too')
    .addHelpText('after', '\nExample:\n  $ javumbo function package --out infra/build/javumbo-function.zip');
  command.action((options: Options) =>
    execute(command, (invocation) => functionPackage(invocation, options), packageView),
  );
}

export async function functionPackage(
  { context }: Pick<Invocation, 'context'>,
  { out, yes = false }: Options,
): Promise<WrittenPackage> {
  if (out === '') throw new JavumboError('usage', '--out is empty', { try: `--out ${DEFAULT_FILE}` });
  const { buildPackage, isPackage, PACKAGE_BYTES_MAX } = await import('../../lambda/package.ts');
  const { bytes, ...about } = await buildPackage();
  const cannotBeWritten = (reason: string, cause?: unknown, hint = 'another --out'): JavumboError =>
    new JavumboError('usage', `${out} cannot be written: ${reason}`, { try: hint, cause });
  try {
    const file = await pathBehindLinks(out);
    const existing = await statOf(file);
    if (existing?.isFile() === false) throw cannotBeWritten('it is not an ordinary file');
    if (existing !== undefined) {
      await access(file, constants.W_OK);
      const isOurs = existing.size <= PACKAGE_BYTES_MAX && isPackage(await readFile(file));
      if (!isOurs && !yes) {
        throw new JavumboError('usage', `${out} exists, and is not a package of this function`, {
          try: 'another --out, or --yes to replace it',
        });
      }
    }
    await replaceFile(file, bytes, { mode: existing?.mode, random: context.random });
    return { file, sizeBytes: bytes.length, ...about };
  } catch (error) {
    if (error instanceof JavumboError) throw error;
    if (codeOf(error) !== 'ENOENT') throw cannotBeWritten(messageOf(error), error);
    throw cannotBeWritten(`there is no directory ${dirname(out)}`, error, `mkdir -p ${dirname(out)}`);
  }
}

async function statOf(file: string): Promise<Stats | undefined> {
  try {
    return await stat(file);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

export const packageView: View<WrittenPackage> = {
  fields: ({ file, version, sizeBytes, sha256, codeSha256 }) => ({
    file,
    version,
    size: { bytes: sizeBytes },
    sha256,
    CodeSha256: codeSha256,
  }),
};
