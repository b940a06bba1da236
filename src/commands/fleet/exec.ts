import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parseCount, parsePositive } from '../../cli/arguments.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatCount, isoTime } from '../../core/format.ts';
import { readTextFile } from '../../core/input-file.ts';
import { makePrivateDirectory } from '../../core/private-files.ts';
import type { MigrationEnd, MigrationOptions } from '../../fleet/exec.ts';
import { countsText } from '../backup/outcomes.ts';
import { OPERATOR_RETRIES } from '../db/exec.ts';
import type { Execute, Invocation } from '../execute.ts';
import {
  fleetOptions,
  type OutputOptions,
  type SelectionFlags,
  selectionOf,
  selectionOptions,
  targetOf,
} from './options.ts';
import { collected, type FleetReport, fleetExitCode, fleetView } from './output.ts';

interface ExecOptions extends SelectionFlags, OutputOptions {
  readonly file: string;
  readonly dryRun?: boolean;
  readonly canary?: number;
  readonly journal?: string;
  readonly resume?: string;
  readonly keep?: string;
  /** False with --no-undo. */
  readonly undo: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly parallel: number;
  readonly retries: number;
}

export interface ExecReport extends FleetReport {
  readonly returned: MigrationEnd;
  /** Undefined in a dry run. */
  readonly journal: string | undefined;
}

export function registerFleetExec(parent: Command, execute: Execute): void {
  const command = selectionOptions(
    parent.command('exec').description("run a script in every user's database, in one transaction each, once"),
  )
    .requiredOption('--file <script>', 'a file of SQL statements')
    .option('--dry-run', 'run it on copies, and say what would change')
    .option('--canary <n>', 'change so many, check these, and ask before the rest', parsePositive)
    .option('--journal <file>', 'where to record each write (default: a new file in JAVUMBO_HOME)')
    .option('--resume <journal>', 'go on with a run that stopped')
    .option('--keep <dir>', 'keep each database as it was, where the store keeps no versions')
    .option('--no-undo', 'do without a way back')
    .option('--retries <n>', 'how often to run again after a conflict', parseCount, OPERATOR_RETRIES)
    .option('--yes', "do not ask after the canaries, nor before a table of Anki's is dropped or emptied")
    .option('--force', 'also leave what is no Anki collection any more')
    .addHelpText('after', '\nExample:\n  $ javumbo fleet exec --file migration.sql --canary 5');
  fleetOptions(command).action((options: ExecOptions) =>
    execute(command, (invocation) => fleetExec(invocation, options), execView(options)),
  );
}

export async function fleetExec(invocation: Invocation, options: ExecOptions): Promise<ExecReport> {
  const { dryRun = false, yes = false, force = false, resume, canary, parallel, retries } = options;
  refuseTogether(options);
  const [{ migrateFleet }, { countSelected }, { statementsOf }] = await Promise.all([
    import('../../fleet/exec.ts'),
    import('../../fleet/selection.ts'),
    import('../../sqlite/sql.ts'),
  ]);
  const sql = await readTextFile(options.file, 'another --file, of SQL in UTF-8');
  // Before anybody is looked at.
  statementsOf(sql);
  const { context } = invocation;
  const { clock, random, signal } = context;
  const { selection, users } = await selectionOf(invocation, options);
  const target = await targetOf(invocation, 'no accounts');
  const undo = dryRun || resume !== undefined ? 'none' : await wayBack(invocation, options);
  const journal = dryRun ? undefined : (resume ?? options.journal ?? newJournal(invocation));
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
        ...{ sql, selection, users, parallel, retries, undo, canary, force, clock, random, signal },
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
function refuseTogether(options: ExecOptions): void {
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

async function wayBack(invocation: Invocation, { keep, undo }: ExecOptions): Promise<MigrationOptions['undo']> {
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

/** Returns the path of a journal that does not exist yet. */
function newJournal({ config, context }: Invocation): string {
  const { clock, random } = context;
  const directory = join(config.home.value, 'fleet');
  makePrivateDirectory(directory);
  return join(directory, `${isoTime(clock.now()).replace(/[:.]/g, '-')}-${random.hex(4)}.jsonl`);
}

/** Says how a run goes on that stopped half way. */
function withResume(error: unknown, goOn: string): unknown {
  if (!(error instanceof JavumboError) || !['interrupted', 'unavailable', 'usage'].includes(error.kind)) return error;
  // What was refused before the run began has a better hint.
  if (error.kind === 'usage' && !/confirm/.test(error.message)) return error;
  const also = error.kind === 'usage' ? ', and --yes if that is meant' : '';
  return new JavumboError(error.kind, error.message, { try: `${goOn}${also}`, cause: error });
}

function execView(options: ExecOptions): ReturnType<typeof fleetView<ExecReport>> {
  const { dryRun = false, resume } = options;
  return fleetView<ExecReport>(options, {
    rest: ({ journal, returned }) => ({ journal, dryRun, ...returned }),
    summary: ({ counts, journal, returned: { stopped, doneBefore, undo } }) => {
      const before = resume === undefined ? '' : `; ${doneBefore.toLocaleString('en-US')} were done before`;
      const lines = [`${countsText(counts)}${before}`];
      if (stopped) lines.unshift('error: the canaries are not sound; all others were left');
      const again = stopped || ['unknown', 'unavailable', 'conflict'].some((outcome) => outcome in counts);
      if (again && journal !== undefined) lines.push(`go on:   the same command with --resume ${journal}`);
      if (undo !== 'none') lines.push(`undo:    javumbo fleet undo ${journal}`);
      return lines.join('\n');
    },
    exitCode: (report) => {
      const code = fleetExitCode(report);
      return code === EXIT_CODE.ok && report.returned.stopped ? EXIT_CODE.violation : code;
    },
  });
}
