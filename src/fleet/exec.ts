import { BackupFolder } from '../backup/folder.ts';
import { Patience } from '../backup/outcome.ts';
import type { Scratch } from '../backup/scratch.ts';
import { JavumboError } from '../core/failure.ts';
import { isoTime } from '../core/format.ts';
import { inParallel } from '../core/parallel.ts';
import type { SqliteEngine } from '../sqlite/engine.ts';
import { isSameWork, type JournalHeader, refuseOtherDeployment, SCHEMA_VERSION } from './journal.ts';
import { type MigratedUser, type MigrationRules, type MigrationWork, UserMigration } from './migrate-user.ts';
import { MigrationState, STATE_SCHEMA } from './migration-state.ts';
import { openFleetScratch, rememberSelected, type Selection, selectedUsernames } from './selection.ts';
import type { FleetTarget } from './target.ts';

export interface MigrationOptions extends Omit<MigrationRules, 'where' | 'isUndoable'> {
  readonly selection: Omit<Selection, 'named'>;
  /** These alone. A resume goes by the journal, for the selection too. */
  readonly users?: AsyncIterable<string> | undefined;
  /** How many users at once. */
  readonly parallel: number;
  /** Undefined: a dry run, which keeps none. */
  readonly journal: { readonly path: string; readonly resume: boolean } | undefined;
  /** Where undo finds the versions before. A resume goes by the journal. */
  readonly undo: JournalHeader['undo'];
  /** The folder for them, with `undo` of `kept`. */
  readonly keep?: string | undefined;
  /** So many are changed and checked before `goOn` is called. */
  readonly canary?: number | undefined;
  /** Called after sound canaries; throws to stop. */
  readonly goOn: (changed: number) => Promise<void>;
}

export interface MigrationEnd {
  /** True if the canaries were not sound, so that the rest was not begun. */
  readonly stopped: boolean;
  /** Users who were done before a resume. */
  readonly doneBefore: number;
  /** Where undo finds the versions before, by the journal. */
  readonly undo: JournalHeader['undo'];
}

/**
 * Runs a script in each user's database, in one transaction each, and yields each user as it ends. Each is migrated once or
 * not at all, however often this is killed and resumed. Throws `usage` for another script or deployment than the
 * journal's, `conflict` if another process has the journal, what `goOn` and `agree` throw, and what is about all users.
 */
export async function* migrateFleet(
  target: FleetTarget,
  options: MigrationOptions,
): AsyncGenerator<MigratedUser, MigrationEnd> {
  const sqlite = await target.sqlite();
  const scratch = openFleetScratch(sqlite, target.workDirectory(), STATE_SCHEMA);
  try {
    const { state, selection, undo, keep } = await openState(target, options, sqlite, scratch);
    try {
      const folder = keep === undefined ? undefined : await BackupFolder.prepared(keep);
      const lock = folder?.lock(sqlite);
      try {
        const rules = { ...options, where: selection.where, isUndoable: undo !== 'none' };
        const migration = new UserMigration(target, rules, { sqlite, scratch, state, folder });
        const usernames = selectedUsernames(target.store, scratch.database, selection);
        const end = yield* migrateAll(usernames, migration, state, options);
        return { ...end, undo };
      } finally {
        lock?.release();
      }
    } finally {
      await state?.close();
    }
  } finally {
    scratch.release();
  }
}

async function* migrateAll(
  usernames: AsyncGenerator<string>,
  migration: UserMigration,
  state: MigrationState | undefined,
  { parallel, canary, goOn, clock }: MigrationOptions,
): AsyncGenerator<MigratedUser, Omit<MigrationEnd, 'undo'>> {
  const doneBefore = state?.done ?? 0;
  const counts: Record<string, number> = {};
  const patience = new Patience();
  async function* migrated(
    some: AsyncIterable<string> | Iterable<string>,
    check: boolean,
  ): AsyncGenerator<MigratedUser> {
    for await (const user of inParallel(some, parallel, (username) => migration.migrate(username, patience, check))) {
      if (user === undefined) continue;
      counts[user.outcome] = (counts[user.outcome] ?? 0) + 1;
      yield user;
    }
  }
  if (canary !== undefined) {
    let [changed, bad, isAll] = [0, false, false];
    while (changed < canary && !bad) {
      const some = await taken(usernames, canary - changed);
      isAll = some.length === 0;
      if (isAll) break;
      for await (const user of migrated(some, true)) {
        if (user.outcome === 'committed' || user.outcome === 'would-commit') changed++;
        bad ||= user.error !== undefined || (user.outcome === 'committed' && user.findings !== undefined);
        yield user;
      }
    }
    if (bad) return { stopped: true, doneBefore };
    if (!isAll) await goOn(changed);
  }
  yield* migrated(usernames, false);
  if (state !== undefined) yield* migrated(state.unmet(), false);
  await state?.end(clock.now(), counts);
  return { stopped: false, doneBefore };
}

async function taken(usernames: AsyncGenerator<string>, count: number): Promise<string[]> {
  const some: string[] = [];
  while (some.length < count) {
    const next = await usernames.next();
    if (next.done === true) break;
    some.push(next.value);
  }
  return some;
}

async function openState(
  { deployment }: FleetTarget,
  { work, selection, users, journal, undo, keep, clock }: MigrationOptions,
  sqlite: SqliteEngine,
  { database }: Scratch,
): Promise<{
  state: MigrationState | undefined;
  selection: Selection;
  undo: JournalHeader['undo'];
  keep: string | undefined;
}> {
  const { kind, sourceSha256, deck } = work;
  if (journal?.resume) {
    const refuse = (header: JournalHeader): void => refuseOther(header, deployment.id, work);
    const { state, header } = await MigrationState.resume(database, sqlite, journal.path, refuse);
    const { prefix, where, users: named } = header;
    return { state, selection: { prefix, where, named: named !== undefined }, undo: header.undo, keep: header.keep };
  }
  // Before the journal is made: a name that is none leaves nothing behind.
  const named = users === undefined ? undefined : await rememberSelected(database, users);
  const selected = { ...selection, named: named !== undefined };
  if (journal === undefined) return { state: undefined, selection: selected, undo: 'none', keep: undefined };
  // So is a folder that cannot be used.
  if (keep !== undefined) await BackupFolder.prepared(keep);
  const header = {
    schemaVersion: SCHEMA_VERSION,
    kind,
    startedAt: isoTime(clock.now()),
    deployment,
    sourceSha256,
    deck,
    ...selection,
    users: named,
    undo,
    keep,
  } as const;
  const state = await MigrationState.begin(database, sqlite, journal.path, header);
  return { state, selection: selected, undo, keep };
}

function refuseOther(header: JournalHeader, id: string, work: MigrationWork): void {
  refuseOtherDeployment(header, id);
  if (isSameWork(header, work)) return;
  const { kind } = work;
  const what = kind === 'fleet exec' ? 'script' : 'import';
  throw new JavumboError('usage', `the journal belongs to another ${header.kind === kind ? what : 'command'}`, {
    try: `the ${header.kind} that it belongs to, or a new ${kind} without --resume`,
  });
}
