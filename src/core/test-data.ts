import type { CleanUps } from './clean-ups.ts';
import { JavumboError, messageOf } from './failure.ts';
import type { Random } from './random.ts';
import { USER_DATABASES_PREFIX } from './username.ts';

/** The prefix of every test user. Clean-up removes users with it, so no one else may use it. */
export const TEST_USER_PREFIX = 'javumbo-test-';

/**
 * Prefixes of test data in a bucket: databases of test users, and what week 1's manual tests put under `test/`. No
 * other database can have such a key.
 */
export const TEST_KEY_PREFIXES: readonly string[] = [`${USER_DATABASES_PREFIX}${TEST_USER_PREFIX}`, 'test/'];

export function isTestKey(key: string): boolean {
  return TEST_KEY_PREFIXES.some((prefix) => key.startsWith(prefix));
}

/** Returns the name of a run's test user: `javumbo-test-<run>-<purpose>`. */
export function testUser({ id }: Pick<TestRun, 'id'>, purpose: string): string {
  return `${TEST_USER_PREFIX}${id}-${purpose}`;
}

/** One run of a benchmark or verification. All test data it makes carries its id. */
export interface TestRun {
  readonly id: string;
  /** `--keep`: leave its test data in place. */
  readonly keep: boolean;
  /** Where the removal of its test data is registered. */
  readonly cleanUps: CleanUps;
  /** Called for everything that is kept. */
  readonly onKept?: ((subject: 'database' | 'account', username: string) => void) | undefined;
  /** Called with the reason that test data may be left, where another error is thrown. */
  readonly onLeft?: ((error: unknown) => void) | undefined;
}

/** Returns the warning for such a reason. */
export function leftWarning({ id }: Pick<TestRun, 'id'>, error: unknown): string {
  return `warning: test data of run ${id} may be left: javumbo clean all removes it (${messageOf(error)})`;
}

export function newRunId(random: Random): string {
  return random.hex(6);
}

/** True for a name that clean-up treats as test data. */
export function isTestUser(username: string): boolean {
  return username.toLowerCase().startsWith(TEST_USER_PREFIX);
}

/** Throws `usage` for a name that clean-up treats as test data. */
export function refuseTestUser(username: string): void {
  if (!isTestUser(username)) return;
  throw new JavumboError(
    'usage',
    `user "${username}": names that begin with ${TEST_USER_PREFIX} are test data, which clean-up removes`,
    {
      try: 'another username',
      username,
    },
  );
}
