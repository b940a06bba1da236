import type { Command } from 'commander';
import pLimit from 'p-limit';
import { refuseTriggers } from '../../anki/foreign-schema.ts';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { progressOn } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import { isoTime } from '../../core/format.ts';
import { parseUsername } from '../../core/username.ts';
import type { UserDatabases } from '../../databases/user-databases.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { AuditedVersion, LostRow } from '../../history/audit.ts';
import { UNVERSIONED_ID } from '../../history/points.ts';
import { listPages } from '../../store/database-store.ts';
import { beginsWithCreate } from '../../store/write-ids.ts';
import type { Execute, Invocation } from '../execute.ts';
import { allPoints } from './at.ts';
import { OPERATOR_RETRIES } from './exec.ts';
import { operatorDatabases } from './outcome.ts';

const PARALLEL = 8;

interface AuditOptions {
  readonly all?: boolean;
  readonly repair?: boolean;
}

interface AuditedUpdate {
  readonly id: string;
  readonly at: number;
  /** Rows, by table. */
  readonly rows: Readonly<Record<string, number>>;
}

interface AuditedUser {
  readonly username: string;
  readonly overwritten: readonly AuditedUpdate[];
  readonly ambiguous: readonly AuditedUpdate[];
  readonly repaired?: { readonly version: string; readonly rows: number };
}

export interface AuditReport {
  /** Those with findings. */
  readonly users: readonly AuditedUser[];
  /** Of --all, those who could not be audited. */
  readonly failed: readonly { readonly username: string; readonly reason: string }[];
  readonly audited: number;
}

export function registerDbAudit(parent: Command, execute: Execute): void {
  const command = parent
    .command('audit [username]')
    .description('find updates that another program has overwritten, by the versions that the store still has')
    .option('--all', 'all users')
    .option('--repair', 'put the overwritten rows back, as one commit; what is ambiguous stays as it is')
    .addHelpText('after', '\nExample:\n  $ javumbo db audit alice');
  command.action((username: string | undefined, options: AuditOptions) =>
    execute(command, (invocation) => dbAudit(invocation, username, options), auditView),
  );
}

async function dbAudit(
  invocation: Invocation,
  username: string | undefined,
  { all = false, repair = false }: AuditOptions,
): Promise<AuditReport> {
  if (all === (username !== undefined)) {
    throw new JavumboError('usage', 'db audit takes one username, or --all', { try: 'javumbo db audit --all' });
  }
  const deployment = await invocation.deployment();
  const databases = operatorDatabases(deployment, invocation);
  const progress = progressOn(invocation.context, invocation.flags.quiet, invocation.flags.progressJson);
  const users: AuditedUser[] = [];
  const failed: { username: string; reason: string }[] = [];
  let audited = 0;
  try {
    for await (const one of username === undefined ? everyone(deployment) : [parseUsername(username)]) {
      progress.show(`auditing database "${one}", after ${audited} others`);
      let found: AuditedUser;
      try {
        found = await audit(invocation, deployment, databases, one, repair);
      } catch (error) {
        if (!all || !(error instanceof JavumboError) || error.kind === 'interrupted') throw error;
        failed.push({ username: one, reason: error.message });
        continue;
      }
      if (found.overwritten.length + found.ambiguous.length > 0) users.push(found);
      audited += 1;
    }
  } finally {
    progress.done();
  }
  return { users, failed, audited };
}

async function* everyone({ store }: Deployment): AsyncGenerator<string> {
  for await (const { databases } of listPages(store)) for (const { username } of databases) yield username;
}

async function audit(
  invocation: Invocation,
  deployment: Deployment,
  databases: UserDatabases,
  username: string,
  repair: boolean,
): Promise<AuditedUser> {
  const { lostRows, overwriteCases, putBack, stillLost } = await import('../../history/audit.ts');
  const points = await allPoints(deployment, username);
  if (points.every(({ id }) => id === UNVERSIONED_ID)) {
    throw new JavumboError('usage', `the bucket keeps no versions, so nothing shows what became of "${username}"`, {
      try: 'javumbo deployment create, which switches them on where that is safe',
      username,
    });
  }
  const asking = pLimit(PARALLEL);
  const versions = await Promise.all(
    [...points].reverse().map(({ id, at, deleted }) =>
      asking(async (): Promise<AuditedVersion | undefined> => {
        if (deleted) return undefined;
        const { writes } = requireThere(await deployment.store.trace(username, { point: id }), username, id);
        return { id, at, isOurs: writes.length > 0, isWhole: beginsWithCreate(writes) };
      }),
    ),
  );
  const lost: LostRow[] = [];
  for (const one of overwriteCases(versions)) {
    try {
      const rows = await lostRows(one, ({ id }) => databases.openPoint(username, id, { anySchema: true }));
      for (const row of rows) lost.push(row);
    } catch (error) {
      if (!(error instanceof JavumboError) || error.kind !== 'corrupt') throw error;
      invocation.note(`warning: what version ${one.over.id} of "${username}" lost cannot be told: ${error.message}`);
    }
  }
  if (lost.length === 0 || versions.at(-1) === undefined) return { username, overwritten: [], ambiguous: [] };
  const left = await databases.read(username, ({ database }) => stillLost(lost, database));
  const overwritten = left.filter(({ kind }) => kind === 'overwritten');
  const ambiguous = left.filter(({ kind }) => kind === 'ambiguous');
  const found = { username, overwritten: byUpdate(overwritten), ambiguous: byUpdate(ambiguous) };
  if (!repair || overwritten.length === 0) return found;
  const { version, value } = await databases.update(
    username,
    (database) => {
      refuseTriggers(database);
      return putBack(database, overwritten);
    },
    {
      retries: OPERATOR_RETRIES,
    },
  );
  return { ...found, repaired: { version, rows: value } };
}

function requireThere<T extends { readonly kind: string }>(
  trace: T,
  username: string,
  id: string,
): Exclude<T, { readonly kind: 'nothing' }> {
  if (trace.kind !== 'nothing') return trace as Exclude<T, { readonly kind: 'nothing' }>;
  throw new JavumboError('unavailable', `version ${id} of database "${username}" went away during the audit`, {
    try: 'the same command again',
    username,
  });
}

function byUpdate(rows: readonly LostRow[]): AuditedUpdate[] {
  const updates = new Map<string, { id: string; at: number; rows: Record<string, number> }>();
  for (const { by, table } of rows) {
    const update = updates.get(by.id) ?? { id: by.id, at: by.at, rows: {} };
    update.rows[table] = (update.rows[table] ?? 0) + 1;
    updates.set(by.id, update);
  }
  return [...updates.values()].sort((a, b) => a.at - b.at);
}

const auditView: View<AuditReport> = {
  json: ({ users, failed }) => ({
    failed,
    users: users.map(({ overwritten, ambiguous, ...user }) => ({
      ...user,
      overwritten: overwritten.map((update) => ({ ...update, at: isoTime(update.at) })),
      ambiguous: ambiguous.map((update) => ({ ...update, at: isoTime(update.at) })),
    })),
  }),
  table: ({ users }) => ({
    head: ['user', 'update of (UTC)', 'rows', '', 'id'],
    rows: users.flatMap(({ username, overwritten, ambiguous }) =>
      [
        ...overwritten.map((update) => ({ update, what: 'overwritten' })),
        ...ambiguous.map((update) => ({ update, what: 'ambiguous' })),
      ].map(({ update: { id, at, rows }, what }) => [username, { time: at }, inWords(rows), what, id]),
    ),
  }),
  text: ({ users, audited }) => {
    if (users.length === 0) return `no update is lost, of ${audited} ${audited === 1 ? 'user' : 'users'}`;
    const repaired = users.reduce((sum, user) => sum + (user.repaired?.rows ?? 0), 0);
    return users.some((user) => user.repaired !== undefined)
      ? `${repaired} rows are put back`
      : 'put the overwritten rows back: the same command with --repair';
  },
  failures: ({ failed }) => failed.map(({ username, reason }) => `error: ${username}: ${reason}`),
  exitCode: ({ users, failed }) =>
    failed.length > 0 ||
    users.some(
      ({ repaired, overwritten, ambiguous }) =>
        ambiguous.length > 0 || (repaired === undefined && overwritten.length > 0),
    )
      ? EXIT_CODE.violation
      : EXIT_CODE.ok,
};

function inWords(rows: Readonly<Record<string, number>>): string {
  return Object.entries(rows)
    .map(([table, count]) => `${table} ${count}`)
    .join(', ');
}
