import { constants } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import { refuseTestUser } from '../../core/test-data.ts';
import { parseUsername } from '../../core/username.ts';
import type { Execute, Invocation } from '../execute.ts';
import { AT, type AtFlag } from './at-option.ts';
import { reportWrite, type WriteReport, writeView } from './outcome.ts';
import { askToReplace } from './push.ts';

interface CopyOptions extends AtFlag {
  readonly force?: boolean;
  readonly yes?: boolean;
}

interface CopyReport extends WriteReport {
  /** What was copied. */
  readonly from: { readonly username: string; readonly version: string };
  /** An account is not part of a database. */
  readonly account: 'not copied';
}

export function registerDbCopy(parent: Command, execute: Execute): void {
  const command = parent
    .command('copy <from> <to>')
    .description("store a user's database as that of another user; the account is not copied")
    .option('--at <time>', AT)
    .option('--force', 'replace whatever version is there')
    .option('-y, --yes', 'do not ask before --force replaces one')
    .addHelpText('after', '\nExample:\n  $ javumbo db copy alice alice-before');
  command.action((from: string, to: string, options: CopyOptions) =>
    execute(command, (invocation) => dbCopy(invocation, parseUsername(from), parseUsername(to), options), copyView),
  );
}

async function dbCopy(
  invocation: Invocation,
  from: string,
  to: string,
  { at, force = false, yes = false }: CopyOptions,
): Promise<CopyReport> {
  refuseTestUser(to);
  if (from === to) {
    throw new JavumboError('usage', `"${from}" is the same user twice`, { try: `javumbo db copy ${from} <to>` });
  }
  let version = '';
  const report = await reportWrite(invocation, to, async (databases, deployment) => {
    const point = at === undefined ? undefined : await (await import('./at.ts')).pointId(deployment, from, at);
    return databases.withFile(
      from,
      async (path, stored, damage) => {
        // A copy would look sound.
        if (damage !== undefined) throw damage;
        version = stored.version;
        if (force) await askToReplace(invocation, to, `a copy of "${from}"`, yes);
        return databases.replace(to, { kind: force ? 'anything' : 'nothing' }, (destination) =>
          copyFile(path, destination, constants.COPYFILE_FICLONE),
        );
      },
      { point },
    );
  });
  return { ...report, from: { username: from, version }, account: 'not copied' };
}

const copyView: View<CopyReport> = {
  ...writeView,
  fields: (report) => ({
    ...writeView.fields?.(report),
    'copied from': `${report.from.username}, version ${report.from.version}`,
    account: report.account,
  }),
};
