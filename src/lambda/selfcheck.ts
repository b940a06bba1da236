import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { JavumboError, messageOf } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { testUser } from '../core/test-data.ts';
import type { DeploymentData } from '../deployment/deployment.ts';
import type { ResultOf } from '../function/protocol.ts';
import type { DatabaseStore } from '../store/database-store.ts';
import { writesOver } from '../store/write-ids.ts';
import type { UserTable } from '../users/user-table.ts';

type SelfcheckResult = ResultOf<'selfcheck'>;

interface SelfcheckOptions {
  readonly deployment: DeploymentData;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Test 1.5: checks the function's rights, by putting, getting and deleting an object and an account of a test user.
 * Reports failures instead of throwing, and skips what depends on them.
 */
export async function selfcheck(
  run: string,
  { deployment, clock, random }: SelfcheckOptions,
): Promise<SelfcheckResult> {
  const username = testUser({ id: run }, 'selfcheck');
  const checks: SelfcheckResult['checks'] = [];
  const check = async <T>(name: string, work: () => Promise<T>): Promise<T | undefined> => {
    const startedAt = clock.monotonic();
    try {
      const value = await work();
      checks.push({ name, passed: true, durationMs: clock.monotonic() - startedAt });
      return value;
    } catch (error) {
      const hint = error instanceof JavumboError && error.try !== undefined ? `; try: ${error.try}` : '';
      checks.push({ name, passed: false, durationMs: clock.monotonic() - startedAt, reason: messageOf(error) + hint });
      return undefined;
    }
  };
  const work = deployment.cache.workDirectory();
  try {
    await checkObjects(check, deployment.store, work.path, username, random);
  } finally {
    work.release();
  }
  const users = await check('users table', () => deployment.users());
  if (users !== undefined) {
    // Opening sends no request, so it proves nothing.
    checks.pop();
    await checkAccounts(check, users, username, { clock, random });
  }
  return { checks, passed: checks.length === CHECKS && checks.every(({ passed }) => passed) };
}

const CHECKS = 6;

type RunCheck = <T>(name: string, work: () => Promise<T>) => Promise<T | undefined>;

async function checkObjects(
  check: RunCheck,
  store: DatabaseStore,
  directory: string,
  username: string,
  random: Random,
): Promise<void> {
  const scratch = mkdtempSync(join(directory, 'selfcheck-'));
  const sent = join(scratch, 'sent');
  writeFileSync(sent, random.hex(64));
  const put = await check('S3 put_object', async () => {
    const outcome = await store.put(username, sent, { condition: { kind: 'absent' }, writes: [random.hex(16)] });
    if (outcome.kind === 'committed') return outcome;
    if (outcome.kind === 'conflict') throw new JavumboError('violation', 'something of that name exists already');
    // Only this run uses the name, so whatever landed there can go.
    await store.delete(username).catch(() => {});
    throw outcome.cause;
  });
  if (put !== undefined) {
    await check('S3 get_object', async () => {
      const received = join(scratch, 'received');
      const { kind } = await store.get(username, received);
      if (kind !== 'found' || !readFileSync(received).equals(readFileSync(sent))) {
        throw new JavumboError('violation', 'what came back is not what was put');
      }
    });
    await check('S3 delete_object', async () => {
      // Its own test user: whatever is stored can go, on every engine by a DELETE.
      const { kind } = await store.delete(username);
      if (kind !== 'deleted') throw new JavumboError('violation', `the delete ended in ${kind}`);
    });
  }
  rmSync(scratch, { recursive: true, force: true });
}

async function checkAccounts(
  check: RunCheck,
  users: UserTable,
  username: string,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<void> {
  // With write ids, so that it can be deleted even if it cannot be read.
  const writes = writesOver(undefined, random.hex(16));
  const item = { username, name: 'Selfcheck', createdAt: new Date(clock.now()).toISOString(), writes };
  const put = await check('DynamoDB put_item', async () => {
    const outcome = await users.putIfAbsent(item);
    if (outcome.kind === 'created') return outcome;
    if (outcome.kind !== 'unknown') throw new JavumboError('violation', 'an account of that name exists already');
    await users.delete(item).catch(() => {});
    throw outcome.cause;
  });
  if (put === undefined) return;
  const found = await check('DynamoDB get_item', async () => {
    const stored = await users.get(username);
    if (stored?.name === item.name) return stored;
    throw new JavumboError('violation', 'what came back is not what was put');
  });
  await check('DynamoDB delete_item', async () => {
    const { kind } = await users.delete(found ?? item);
    if (kind !== 'deleted') throw new JavumboError('violation', `the delete ended in ${kind}`);
  });
}
