import type { Command } from 'commander';
import { EXIT_CODE } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';
import { isTestUser } from '../../core/test-data.ts';
import { keyOf, parseUsername } from '../../core/username.ts';
import type { DeleteFailure, ObjectVersion } from '../../history/object-versions.ts';
import type { Execute, Invocation } from '../execute.ts';
import { allPoints } from './at.ts';
import { operatorDatabases } from './outcome.ts';

export interface PurgeReport {
  readonly username: string;
  readonly outcome: 'purged';
  readonly deletedCount: number;
  readonly deletedBytes: number;
  readonly failed: readonly { readonly id: string; readonly reason: string }[];
}

export function registerDbPurge(parent: Command, execute: Execute): void {
  const command = parent
    .command('purge <username>')
    .description('delete a database with its history, for good; only a backup still has it then')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  $ javumbo db purge alice');
  command.action((username: string, { yes = false }: { yes?: boolean }) =>
    execute(command, (invocation) => dbPurge(invocation, parseUsername(username), yes), purgeView),
  );
}

/**
 * Deletes the current version as `db delete` does, so that no commit of others is lost, and then what is below it. What
 * somebody creates meanwhile stays.
 */
async function dbPurge(invocation: Invocation, username: string, yes: boolean): Promise<PurgeReport> {
  const { deleteWhatCan, objectsUnder } = await import('../../cleanup/stored-objects.ts');
  const { confirm } = await import('../../cli/prompt.ts');
  const deployment = await invocation.deployment();
  const points = await allPoints(deployment, username);
  const many = `${points.length} ${points.length === 1 ? 'version' : 'versions'}`;
  await confirm(invocation.context, {
    what: `This deletes database "${username}" with its history (${many}), and nothing but a backup brings it back`,
    word: username,
    yes: yes || isTestUser(username),
    look: `javumbo db history ${username}`,
  });
  const current = points.find((point) => point.current && !point.deleted);
  if (current !== undefined) {
    await operatorDatabases(deployment, invocation).delete(username, { ifVersion: current.version });
  }
  deployment.cache.invalidate(username);
  const objects = await deployment.objects();
  const listed = (await objectsUnder(objects, [keyOf(username)], true)).filter(({ key }) => key === keyOf(username));
  const known = new Set(points.map(({ id }) => id));
  // What the question was about, what the delete has left, and files of killed commits.
  const past = listed.filter(
    ({ kind, versionId = '', etag }) =>
      kind !== 'object' && (known.has(versionId) || kind === 'delete-marker' || etag === undefined),
  );
  // The newest marker goes last: without it the version below it would be current again.
  let failures: DeleteFailure[] = [];
  for (const isLast of [false, true]) {
    const due = past.filter(({ isLatest = false }) => isLatest === isLast);
    if (!isLast || failures.length === 0) failures = [...failures, ...(await deleteWhatCan(objects, due))];
  }
  const kept = new Set<ObjectVersion>(failures.map(({ object }) => object));
  const gone = past.filter((object) => !kept.has(object) && object.kind === 'old-version');
  // Without versions the delete itself was all that there was to remove.
  const [only] = current !== undefined && gone.length === 0 ? [current] : [];
  invocation.note('note: backups are not touched; those made with javumbo backup create may still have it');
  return {
    username,
    outcome: 'purged',
    deletedCount: gone.length + (only === undefined ? 0 : 1),
    deletedBytes: gone.reduce((sum, { sizeBytes }) => sum + sizeBytes, only?.sizeBytes ?? 0),
    failed: failures.map(({ object, reason }) => ({ id: object.versionId ?? '', reason })),
  };
}

const purgeView: View<PurgeReport> = {
  fields: ({ username, outcome, deletedCount, deletedBytes }) => ({
    username,
    outcome,
    versions: deletedCount,
    size: { bytes: deletedBytes },
  }),
  failures: ({ failed }) => failed.map(({ id, reason }) => `error: version ${id} is still there: ${reason}`),
  exitCode: ({ failed }) => (failed.length === 0 ? EXIT_CODE.ok : EXIT_CODE.unavailable),
};
