import type { Command } from 'commander';
import { accountsUnder, deleteAccounts } from '../cleanup/accounts.ts';
import { deleteObjects, objectsUnder } from '../cleanup/stored-objects.ts';
import { type Context, processContext } from '../cli/context.ts';
import { configOf } from '../cli/execute.ts';
import { EXIT_CODE } from '../cli/exit-code.ts';
import { printFailure } from '../cli/print.ts';
import { USER_DATABASES_PREFIX, usernameOf } from '../databases/username.ts';
import { JavumboError, messageOf } from '../failure.ts';
import { buildProgram, main } from '../main.ts';
import { leftWarning, TEST_USER_PREFIX, testUser } from '../test-data.ts';
import { type Knowledge, nameOf } from './knowledge.ts';
import type { Subject } from './messages.ts';

interface Ended {
  readonly runId: string;
  readonly known: Knowledge;
  /** The signal that ended it, where that was not the supervisor's doing. */
  readonly killedBy: string | undefined;
}

/**
 * Finishes for work that was killed: releases its leases, removes its test data, and says what is true, in the words and
 * with the exit code of the command. Returns the exit code.
 */
export async function finishFor(argv: readonly string[], ended: Ended): Promise<number> {
  const context = processContext();
  const { known } = ended;
  const flags = { json: argv.includes('--json'), verbose: argv.includes('--verbose') };
  const madeTestData = madeTestDataOf(known, 'database') || madeTestDataOf(known, 'account');
  let supervised: Command | undefined;
  try {
    const finish = async (command: Command): Promise<void> => {
      supervised = command;
      if (!known.ended && (known.leases.size > 0 || madeTestData)) await cleanUp(command, context, ended);
    };
    const program = await buildProgram(context, finish, argv);
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    const warning = madeTestData
      ? leftWarning({ id: ended.runId }, error)
      : `warning: a lease may be left until it is over (${messageOf(error)})`;
    context.stderr.write(`${warning}\n`);
  }
  const truth = truthAbout(ended);
  // Once more, and stopped from the start: it does nothing but report that, to wherever it was told to report.
  if (!known.ended && makesReport(supervised)) {
    return main([...argv, '--quiet'], { ...context, runId: ended.runId, signal: AbortSignal.abort(truth) });
  }
  return EXIT_CODE[printFailure(truth, flags, context)];
}

/** What makes none knows nothing of the signal, and would do all its work again. */
function makesReport(command: Command | undefined): boolean {
  return command?.options.some(({ long }) => long === '--report') ?? false;
}

// Nothing in the process itself sends that.
const MEMORY_HINT = 'more memory, if the system’s log says that there was too little';

/** Where one sees what became of a write. */
const LOOK: Readonly<Record<Subject, (name: string) => string>> = {
  database: (username) => `javumbo db info ${username}`,
  account: (username) => `javumbo user get ${username}`,
  function: () => 'javumbo function describe',
};

/** What can be said of work that cannot speak for itself. */
export function truthAbout({ known, killedBy }: Pick<Ended, 'known' | 'killedBy'>): JavumboError {
  const { stored, ended } = known;
  const cause = killedBy === undefined ? 'interrupted' : `the process was ended by ${killedBy}`;
  const open = [...known.writing.values()].filter(({ username }) => !username.startsWith(TEST_USER_PREFIX));
  const [first] = open;
  if (first !== undefined) {
    const { subject, username } = first;
    const [were, those] = open.length === 1 ? ['it was', 'that was'] : ['they were', 'those were'];
    return new JavumboError(
      'unknown',
      `${open.map(nameOf).join(', ')}: ${cause} while ${were} being written: nobody can tell whether ${those} stored`,
      { try: LOOK[subject](username), ...(subject === 'function' ? {} : { username }) },
    );
  }
  const kind = killedBy === undefined ? 'interrupted' : 'internal';
  const what = ended ? `${cause} while the result was being printed` : cause;
  const hint = killedBy === 'SIGKILL' ? MEMORY_HINT : undefined;
  if (stored === undefined) return new JavumboError(kind, what, { try: hint });
  const { username, version } = stored;
  return new JavumboError(kind, `database "${username}": ${what} after it was stored as version ${version}`, {
    try: `javumbo db info ${username}`,
    username,
    actualVersion: version,
  });
}

function madeTestDataOf({ usernames }: Knowledge, subject: Subject): boolean {
  return [...usernames[subject]].some((username) => username.startsWith(TEST_USER_PREFIX));
}

async function cleanUp(command: Command, context: Context, { runId, known }: Ended): Promise<void> {
  const { openDeployment } = await import('../deployment/open.ts');
  const deployment = await openDeployment(await configOf(command, context), context);
  const keep = command.opts<{ keep?: boolean }>().keep === true;
  const note = (kept: string, removal: string): unknown =>
    context.stderr.write(`note: kept ${kept}; javumbo ${removal} removes it\n`);
  try {
    for (const { username, owner } of known.leases.values()) {
      await (await deployment.locks()).release({ username, owner, expiresAt: 0 });
    }
    const prefix = testUser({ id: runId }, '');
    if (madeTestDataOf(known, 'database')) {
      const objects = await deployment.objects();
      const left = await objectsUnder(objects, [`${USER_DATABASES_PREFIX}${prefix}`], true);
      if (keep) for (const key of new Set(left.map(({ key }) => key))) note(key, 'clean s3');
      else {
        for (const { key } of left) deployment.cache.invalidate(usernameOf(key) ?? prefix);
        await deleteObjects(objects, left);
      }
    }
    if (madeTestDataOf(known, 'account')) {
      const table = await deployment.accounts();
      const left = await accountsUnder(table, prefix);
      if (keep) for (const { username } of left) note(`account ${username}`, 'clean users');
      else await deleteAccounts(table, left);
    }
    // Making a work directory removes those of processes that are gone.
    deployment.cache.workDirectory().release();
  } finally {
    deployment.close();
  }
}
