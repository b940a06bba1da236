import type { CleanUps } from './clean-ups.ts';
import { JavumboError, messageOf } from './failure.ts';
import type { Random } from './random.ts';
import { USER_DATABASES_PREFIX } from './username.ts';

/** Every user that a benchmark or a verification makes is named with this. Clean-up looks for it; nobody else may use it. */
export const TEST_USER_PREFIX = 'javumbo-test-';

/**
 * Keys in a bucket that are test data: the databases of test users, and what week 1's hand-made tests put under `test/`.
 * No database can have such a key unless a benchmark or a verification made it.
 */
export const TEST_KEY_PREFIXES: readonly string[] = [`${USER_DATABASES_PREFIX}${TEST_USER_PREFIX}`, 'test/'];

export function isTestKey(key: string): boolean {
  return TEST_KEY_PREFIXES.some((prefix) => key.startsWith(prefix));
}

/** A user of one run: `javumbo-test-<run>-<purpose>`. */
export function testUser({ id }: Pick<TestRun, 'id'>, purpose: string): string {
  return `${TEST_USER_PREFIX}${id}-${purpose}`;
}

/** One run of a benchmark or a verification: all that it makes carries its id. */
export interface TestRun {
  readonly id: string;
  /** `--keep`: what it makes is left where it is. */
  readonly keep: boolean;
  /** Where the removal of what it makes stands until it is done. */
  readonly cleanUps: CleanUps;
  /** Told of everything that is kept. */
  readonly onKept?: ((subject: 'database' | 'account', username: string) => void) | undefined;
  /** Told why some may be left, where something else is thrown. */
  readonly onLeft?: ((error: unknown) => void) | undefined;
}

/** The line that says so. */
export function leftWarning({ id }: Pick<TestRun, 'id'>, error: unknown): string {
  return `warning: test data of run ${id} may be left: javumbo clean all removes it (${messageOf(error)})`;
}

/** A name for one run, which no other run has. */
export function newRunId(random: Random): string {
  return random.hex(6);
}

/** True for a name that clean-up would take for test data. */
export function isTestUser(username: string): boolean {
  return username.toLowerCase().startsWith(TEST_USER_PREFIX);
}

/** Throws `usage` for a name that clean-up would take for test data. */
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
