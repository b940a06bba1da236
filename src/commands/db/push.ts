import type { Command } from 'commander';
import { withProgress } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import type { Transfer } from '../../core/requests.ts';
import { refuseTestUser } from '../../core/test-data.ts';
import { parseUsername } from '../../core/username.ts';
import type { ReplaceOver } from '../../databases/user-databases.ts';
import type { Execute, Invocation } from '../execute.ts';
import { reportWrite, type WriteReport, writeView } from './outcome.ts';
import { storeFile } from './store-file.ts';

interface PushOptions {
  readonly ifVersion?: string;
  readonly force?: boolean;
  readonly yes?: boolean;
}

export function registerDbPush(parent: Command, execute: Execute): void {
  const command = parent
    .command('push <username> <file>')
    .description("store a file as a user's database; without an option, only a new one")
    .option('--if-version <version>', 'replace exactly this version, as db pull printed it')
    .option('--force', 'replace whatever version is there')
    .option('-y, --yes', 'do not ask before --force replaces one')
    .addHelpText(
      'after',
      '\nExample:\n  $ javumbo db push alice a.anki2 --if-version 5d41402abc4b2a76b9719d911017c592',
    );
  command.action((username: string, file: string, options: PushOptions) =>
    execute(command, (invocation) => dbPush(invocation, parseUsername(username), file, options), writeView),
  );
}

export async function dbPush(
  invocation: Invocation,
  username: string,
  file: string,
  options: PushOptions,
): Promise<WriteReport> {
  refuseTestUser(username);
  if (options.force === true && options.ifVersion !== undefined) {
    throw new JavumboError('usage', '--force replaces any version, and --if-version only one', {
      try: 'one of the two',
    });
  }
  const over = replaced(username, options);
  // A file that cannot be stored is refused first.
  const ask = async (): Promise<void> => {
    if (over.kind === 'anything') await askToReplace(invocation, username, file, options.yes ?? false);
  };
  return withProgress(invocation, async (progress) => {
    // Shown once the bytes move: until then a question may be on the terminal.
    const moving = (bytes: Transfer): void => {
      // What is stored may be what the file holds, which is fetched to tell.
      const what = bytes.direction === 'up' ? 'storing' : 'fetching, to compare,';
      progress.show(`${what} database "${username}"`, bytes);
    };
    await invocation.deployment({ onTransfer: moving });
    return reportWrite(invocation, username, (databases) =>
      storeFile(invocation, databases, username, file, over, ask),
    );
  });
}

/** Asks before whatever is stored for a user is replaced by `what`. */
export async function askToReplace(invocation: Invocation, username: string, by: string, yes: boolean): Promise<void> {
  if (yes) return;
  const deployment = await invocation.deployment();
  const current = await deployment.store.trace(username);
  if (current.kind !== 'database') return;
  const { confirmLoss, inWords } = await import('./losses.ts');
  const what = `This replaces database "${username}" (${inWords(current)}) by ${by}`;
  await confirmLoss(invocation, deployment, { username, what, yes, look: `javumbo db info ${username}` });
}

function replaced(username: string, { ifVersion, force }: PushOptions): ReplaceOver {
  if (force === true) return { kind: 'anything' };
  if (ifVersion === undefined) return { kind: 'nothing' };
  const version = ifVersion.replace(/^"(.*)"$/, '$1');
  if (!/^[\x21\x23-\x7e]+$/.test(version)) {
    throw new JavumboError('usage', `${JSON.stringify(ifVersion)} is not a version`, {
      try: `javumbo db info ${username}`,
    });
  }
  return { kind: 'version', version };
}
