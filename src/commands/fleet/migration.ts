import { symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parseCount, parsePositive } from '../../cli/arguments.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatCount, isoTime } from '../../core/format.ts';
import { makePrivateDirectory } from '../../core/private-files.ts';
import type { MigrationEnd, MigrationOptions } from '../../fleet/exec.ts';
import type { MigrationWork } from '../../fleet/migrate-user.ts';
import { countsText } from '../backup/outcomes.ts';
import { OPERATOR_RETRIES } from '../db/exec.ts';
import type { Invocation } from '../execute.ts';
import {
  fleetOptions,
  type OutputOptions,
  type SelectionFlags,
  selectionOf,
  selectionOptions,
  targetOf,
} from './options.ts';
import { collected, type FleetReport, fleetExitCode, fleetView } from './output.ts';

/** The options of every command that changes many users' databases. */
export interface MigrationFlags extends SelectionFlags, OutputOptions {
  readonly dryRun?: boolean;
  readonly canary?: number;
  readonly journal?: string;
  readonly resume?: string;
  /** Do it once more, though a journal says that it was done or begun. */
  readonly again?: boolean;
  readonly keep?: string;
  /** False with --no-undo. */
  readonly undo: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly parallel: number;
  readonly retries: number;
}

export interface MigrationReport extends FleetReport {
  readonly returned: MigrationEnd;
  /** Undefined in a dry run. */
  readonly journal: string | undefined;
}

/** Adds those options. */
export function migrationOptions(command: Command): Command {
  selectionOptions(command)
    .option('-n, --dry-run', 'do it on copies, and say what would change')
    .option('--canary <n>', 'change so many, check these, and ask before the rest', parsePositive)
    .option('--journal <file>', 'where to record each write (default: a new file in JAVUMBO_HOME)')
    .option('--resume <journal>', 'go on with a run that stopped')
    .option('--again', 'do it once more, though it was done or begun before')
    .option('--keep <dir>', 'keep each database as it was, where the store keeps no versions')
    .option('--no-undo', 'do without a way back')
    .option('--retries <n>', 'how often to try again after a conflict', parseCount, OPERATOR_RETRIES)
    .option('-y, --yes', "do not ask after the canaries, nor before a table of Anki's is dropped or emptied");
  return fleetOptions(command);
}

/** Does the work to each user's database, over a journal. Throws `usage` where a journal says that it was done before. */
export async function migrate(
  invocation: Invocation,
  options: MigrationFlags,
  work: MigrationWork,
): Promise<MigrationReport> {
  const { dryRun = false, yes = false, again = false, force = false, resume, canary, parallel, retries } = options;
  const [{ migrateFleet }, { countSelected }, { refuseRepetition }] = await Promise.all([
    import('../../fleet/exec.ts'),
    import('../../fleet/selection.ts'),
    import('../../fleet/earlier.ts'),
  ]);
  const { context } = invocation;
  const { clock, random, signal } = context;
  const { selection, users } = await selectionOf(invocation, options);
  const target = await targetOf(invocation, 'no accounts');
  const folder = join(invocation.config.home.value, 'fleet');
  if (!dryRun && !again && resume === undefined) await refuseRepetition(folder, target.deployment.id, work);
  const undo = dryRun || resume !== undefined ? 'none' : await wayBack(invocation, options);
  const journal = dryRun ? undefined : (resume ?? newJournal(invocation, folder, options.journal));
  if (journal !== undefined) invocation.note(`note: the journal is ${journal}`);
  const goOn = `the same command with --resume ${journal}`;
  const word = target.deployment.bucket ?? 'local';
  const report = await collected(
    invocation,
    options,
    dryRun ? 'trying' : 'migrating',
    (progress) => {
      const ask = async (what: string): Promise<void> => {
        progress.done();
        const { confirm } = await import('../../cli/prompt.ts');
        await confirm(context, { what, word, yes, look: goOn, spared: 'the others were left' });
      };
      const migration: MigrationOptions = {
        ...{ work, selection, users, parallel, retries, undo, canary, force, clock, random, signal },
        journal: journal === undefined ? undefined : { path: journal, resume: resume !== undefined },
        keep: options.keep === undefined ? undefined : resolve(options.keep),
        allLosses: yes,
        goOn: async (changed) => {
          if (!dryRun) await ask(`${formatCount(changed, 'user')} changed, and sound; this goes on with all others`);
        },
        agree: (losses, username, back) =>
          ask(
            `In database "${username}", and perhaps in others, ${losses.join(', ')}; ${back ? 'fleet undo' : 'nothing'} brings it back`,
          ),
      };
      return migrateFleet(target, migration);
    },
    async () => (users === undefined && resume === undefined ? countSelected(target.store, selection) : undefined),
  ).catch((error: unknown) => {
    throw journal === undefined ? error : withResume(error, goOn);
  });
  return { ...report, journal };
}

/** Refuses options that contradict each other, or what the journal of a resumed run says. */
export function refuseTogether(options: MigrationFlags): void {
  const { resume, dryRun, keep, undo, prefix, users, where, journal } = options;
  const given = { '--prefix': prefix, '--users': users, '--where': where, '--keep': keep, '--journal': journal };
  const [other] = Object.entries(given).find(([, value]) => value !== undefined) ?? (undo ? [] : ['--no-undo']);
  if (resume !== undefined && (dryRun || other !== undefined)) {
    throw new JavumboError('usage', `--resume goes by its journal, and takes no ${other ?? '--dry-run'}`, {
      try: `--resume ${resume} alone`,
    });
  }
  if (dryRun && journal !== undefined) {
    throw new JavumboError('usage', '--dry-run stores nothing, and keeps no journal', { try: 'one of the two' });
  }
  if (keep !== undefined && !undo) {
    throw new JavumboError('usage', '--keep is a way back, and --no-undo does without', { try: 'one of the two' });
  }
}

async function wayBack(invocation: Invocation, { keep, undo }: MigrationFlags): Promise<MigrationOptions['undo']> {
  if (!undo) return 'none';
  if (keep !== undefined) return 'kept';
  const { config } = await invocation.deployment();
  if (config.deployment.value === 'local') return 'versions';
  const { openBucketResource } = await import('../../provisioning/resources.ts');
  const { resources, close } = await openBucketResource(config, invocation.context);
  try {
    const versioning = resources[0]?.settings.find(({ name }) => name === 'versioning');
    if ((await versioning?.read()) === 'on') return 'versions';
  } finally {
    close();
  }
  throw new JavumboError('usage', 'the bucket keeps no versions, so that fleet undo would find nothing', {
    try: '--keep <dir>, which keeps each database as it was, or --no-undo',
  });
}

/** Returns the path of a journal that does not exist yet. The folder knows also of one that stands elsewhere. */
function newJournal({ context }: Invocation, folder: string, given: string | undefined): string {
  const { clock, random } = context;
  makePrivateDirectory(folder);
  const path = join(folder, `${isoTime(clock.now()).replace(/[:.]/g, '-')}-${random.hex(4)}.jsonl`);
  if (given === undefined) return path;
  symlinkSync(resolve(given), path);
  return given;
}

/** Says how a run goes on that stopped half way. */
function withResume(error: unknown, goOn: string): unknown {
  if (!(error instanceof JavumboError) || !['interrupted', 'unavailable', 'usage'].includes(error.kind)) return error;
  // What was refused before the run began has a better hint.
  if (error.kind === 'usage' && !/confirm/.test(error.message)) return error;
  const also = error.kind === 'usage' ? ', and --yes if that is meant' : '';
  return new JavumboError(error.kind, error.message, { try: `${goOn}${also}`, cause: error });
}

/** Says what a dry run has found: how many would change first. */
function triedLines(counts: FleetReport['counts']): string[] {
  const { 'would-commit': changed = 0, ...others } = counts;
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const rest = Object.keys(others).length === 0 ? '' : `; ${countsText(others)}`;
  return [
    `${changed.toLocaleString('en-US')} of ${formatCount(all, 'user')} would change${rest}`,
    'dry run: nothing was stored',
  ];
}

export function migrationView(options: MigrationFlags): ReturnType<typeof fleetView<MigrationReport>> {
  const { dryRun = false, resume } = options;
  return fleetView<MigrationReport>(options, {
    rest: ({ journal, returned }) => ({ journal, dryRun, ...returned }),
    summary: ({ counts, journal, returned: { stopped, doneBefore, undo } }) => {
      const before = resume === undefined ? '' : `; ${doneBefore.toLocaleString('en-US')} were done before`;
      const lines = dryRun ? triedLines(counts) : [`${countsText(counts)}${before}`];
      if (stopped) lines.unshift('error: the canaries are not sound; all others were left');
      const again = stopped || ['unknown', 'unavailable', 'conflict'].some((outcome) => outcome in counts);
      if (again && journal !== undefined) lines.push(`go on:   the same command with --resume ${journal}`);
      const isAnyStored = doneBefore > 0 || ['committed', 'unknown'].some((outcome) => outcome in counts);
      if (undo !== 'none' && isAnyStored) lines.push(`undo:    javumbo fleet undo ${journal}`);
      return lines.join('\n');
    },
    exitCode: (report) => {
      const code = fleetExitCode(report);
      return code === EXIT_CODE.ok && report.returned.stopped ? EXIT_CODE.violation : code;
    },
  });
}
