import type { Command } from 'commander';
import { type CleanResult, cleanResult } from '../../cleanup/plan.ts';
import { withProgress } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import { formatBytes } from '../../core/format.ts';
import { isTestKey, TEST_KEY_PREFIXES } from '../../core/test-data.ts';
import { usernameOf } from '../../core/username.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import type { ObjectVersion } from '../../history/object-versions.ts';
import { TOMBSTONE_BYTES } from '../../store/tombstone.ts';
import type { Execute, Invocation } from '../execute.ts';
import { CHANGED, cleanOptions, cleanView } from './plan.ts';

interface S3Options {
  readonly prefix?: string;
  readonly versions?: boolean;
  readonly minAge?: number;
  readonly dryRun?: boolean;
  readonly tombstones?: boolean;
  readonly yes?: boolean;
}

export function registerCleanS3(parent: Command, execute: Execute): void {
  const command = parent
    .command('s3')
    .description("remove objects from the bucket: test data, or what is under --prefix; locally the store's databases")
    .option('--prefix <prefix>', `keys that begin with it (default: ${TEST_KEY_PREFIXES.join(' and ')})`)
    .option('--versions', 'also old versions and delete markers')
    .option('--tombstones', 'instead: what deletes left more than a day ago on an engine that ignores their conditions')
    .option('-y, --yes', 'do not ask before removing what is not test data')
    .addHelpText('after', '\nExample:\n  $ javumbo clean s3 --versions --dry-run');
  cleanOptions(command).action((options: S3Options) =>
    execute(
      command,
      async (invocation) => {
        if (options.tombstones !== true) return cleanS3(invocation, options);
        const { cleanTombstones } = await import('./tombstones.ts');
        return cleanTombstones(invocation, options);
      },
      cleanView,
    ),
  );
}

export async function cleanS3(
  invocation: Invocation,
  { prefix, versions = false, minAge = 0, dryRun = false, yes = false }: S3Options,
): Promise<CleanResult> {
  if (prefix === '') {
    throw new JavumboError('usage', '--prefix is empty, and that is the whole bucket', { try: '--prefix user_dbs/' });
  }
  const { deleteWhatCan, failedObject, objectsUnder, plannedObject, stillThere, survivors } = await import(
    '../../cleanup/stored-objects.ts'
  );
  const { context } = invocation;
  const deployment = await invocation.deployment();
  const objects = await deployment.objects();
  return withProgress(invocation, async (progress) => {
    const onProgress = (text: string): void => progress.show(text);
    const prefixes = prefix === undefined ? TEST_KEY_PREFIXES : [prefix];
    const listed = await objectsUnder(objects, prefixes, versions, onProgress);
    const now = context.clock.now();
    const found = listed.filter((object) => now - object.lastModified >= minAge && !isTombstone(deployment, object));
    const plan = found.map((object) => plannedObject(object, now));
    if (dryRun || found.length === 0) return cleanResult(plan, dryRun);
    progress.done();
    let due: readonly ObjectVersion[] = found;
    if (await confirmRealData(invocation, deployment, found, yes)) {
      // The question took time, and meant only the objects from before it.
      due = stillThere(found, await objectsUnder(objects, prefixes, versions, onProgress));
    }
    const changed = found.filter((object) => !due.includes(object));
    forget(deployment, due);
    const failures = await deleteWhatCan(objects, due, { onProgress, signal: context.signal });
    // Again, since a read may have fetched one meanwhile.
    forget(deployment, due);
    const refused = new Set(failures.map(({ object }) => object));
    failures.push(
      ...(await survivors(
        objects,
        prefixes,
        due.filter((object) => !refused.has(object)),
      )),
    );
    const failed = [...changed.map((object) => ({ object, reason: CHANGED })), ...failures].map(failedObject);
    return cleanResult(plan, dryRun, failed);
  });
}

/** Asks before it deletes anything but test data. Returns whether it asked; throws unless confirmed. */
async function confirmRealData(
  { context }: Invocation,
  { description }: Deployment,
  found: readonly ObjectVersion[],
  yes: boolean,
): Promise<boolean> {
  const real = found.filter(({ key }) => !isTestKey(key));
  if (real.length === 0) return false;
  const { confirm } = await import('../../cli/prompt.ts');
  const bytes = formatBytes(real.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
  const where = description.bucket === undefined ? 'the local deployment' : `bucket "${description.bucket}"`;
  const many = real.length === 1 ? '1 object' : `${real.length} objects`;
  const what = `This deletes ${many} (${bytes}) from ${where}, and not test data`;
  await confirm(context, { what, word: description.bucket ?? 'local', yes });
  return true;
}

/** Whether an object is a real user's tombstone, which only `--tombstones` may remove. */
function isTombstone({ removeTombstone }: Deployment, { key, kind, sizeBytes }: ObjectVersion): boolean {
  if (removeTombstone === undefined || kind !== 'object' || isTestKey(key)) return false;
  return usernameOf(key) !== undefined && sizeBytes === TOMBSTONE_BYTES;
}

/** Removes databases from the cache before they are deleted, so that nothing goes on reading them there. */
function forget({ cache }: Deployment, found: readonly ObjectVersion[]): void {
  const usernames = new Set(found.flatMap(({ key }) => usernameOf(key) ?? []));
  for (const username of usernames) cache.invalidate(username);
}
