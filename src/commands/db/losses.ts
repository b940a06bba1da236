import { formatBytes, formatTime } from '../../core/format.ts';
import { isTestUser } from '../../core/test-data.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import { pointsOf, UNVERSIONED_ID } from '../../history/points.ts';
import type { Trace } from '../../store/database-store.ts';
import type { Invocation } from '../execute.ts';

/** Describes a stored version: `57.3 kB, of 2026-11-26 10:00:00 UTC`. */
export function inWords({ sizeBytes, lastModified }: Trace & { readonly kind: 'database' }): string {
  return `${formatBytes(sizeBytes)}, of ${formatTime(lastModified)} UTC`;
}

/**
 * Asks before a user's database loses something, and says whether it can be had back. Returns at once with `yes`, and for a
 * test user. Throws `usage` unless confirmed, and where there is nobody to ask.
 */
export async function confirmLoss(
  { context }: Invocation,
  deployment: Deployment,
  { username, what, yes, look }: { username: string; what: string; yes: boolean; look: string },
): Promise<void> {
  if (yes || isTestUser(username)) return;
  const { confirm } = await import('../../cli/prompt.ts');
  const back = (await keepsHistory(deployment, username))
    ? `javumbo db restore ${username} brings it back`
    : 'nothing brings it back, since the bucket keeps no versions';
  await confirm(context, { what: `${what}; ${back}`, word: username, yes, look, spared: 'nothing was changed' });
}

async function keepsHistory(deployment: Deployment, username: string): Promise<boolean> {
  // The oldest version of a bucket may be from before it kept any.
  for await (const { id } of pointsOf(await deployment.objects(), username)) if (id !== UNVERSIONED_ID) return true;
  return false;
}
