import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { sentenceOf } from '../testing/sentence.ts';
import { ManualClock } from '../testing/workbench.ts';
import { type AcquireResult, CLOCK_SKEW_MAX_MS, LEASE_TTL_MAX_MS, type Lease, type LockTable } from './lock-table.ts';

/** A lock table with nothing in it, made for one test. */
export interface LockTableUnderTest {
  /** A handle on it, as another process opens one, on a machine with that clock. */
  handle(clock: Clock): LockTable;
  cleanup(): Promise<void> | void;
}

/** Runs the contract of lock-table.ts against one implementation. The names of the functions below are its clauses. */
export function describeLockTable(
  name: string,
  makeTable: () => Promise<LockTableUnderTest> | LockTableUnderTest,
): void {
  describe(name, () => {
    let oath: Oath;

    beforeEach(async () => {
      oath = new Oath(await makeTable());
    });

    afterEach(() => oath.end());

    for (const property of PROPERTIES) test(sentenceOf(property.name), () => property(oath));
  });
}

const PROPERTIES = [
  acquiresWhatNobodyHolds,
  saysWhoHoldsALeaseAndUntilWhen,
  keepsUsersApart,
  showsEveryChangeToTheOtherHandleAtOnce,
  acquiresWhatWasReleased,
  renewsWhenTheOwnerAcquiresAgain,
  renewsFromNowOn,
  renewsForAShorterTime,
  refusesOthersUntilALeaseIsOver,
  takesOverALeaseThatIsOver,
  renewsALeaseThatIsOverAndThatNobodyTook,
  releasesALeaseThatIsOverAndThatNobodyTook,
  renewsAndReleasesByAnOldCopyOfALease,
  doesNotRenewWhatAnotherTookOver,
  doesNotReleaseWhatAnotherTookOver,
  doesNotRenewWhatWasReleased,
  doesNotReleaseTwice,
  doesNotRenewOrReleaseWhatWasNeverAcquired,
  givesAnOwnerWhoLostALeaseANewOneInItsTurn,
  acquiresForOneOfTwentyInParallel,
  takesOverForOneOfTwentyInParallel,
  takesOverFromOrRenewsForOneNeverBoth,
  takesOverEarlyOnAMachineWhoseClockIsAhead,
  waitsLongerOnAMachineWhoseClockIsBehind,
  ignoresAnExpiryThatNoClockCanMean,
  refusesATimeToLiveThatIsOutOfBounds,
  takesEveryCharacterOfAUsernameAndAnyOwner,
] as const;

const TTL_MS = 30_000;

async function acquiresWhatNobodyHolds({ table, clock }: Oath): Promise<void> {
  expect(await table.acquire('alice', 'a', TTL_MS)).toEqual({
    kind: 'acquired',
    lease: { username: 'alice', owner: 'a', expiresAt: clock.now() + TTL_MS },
  });
}

async function saysWhoHoldsALeaseAndUntilWhen(oath: Oath): Promise<void> {
  const { expiresAt } = await oath.acquire('alice', 'a');
  oath.clock.advance(1000);
  expect(await oath.table.acquire('alice', 'b', TTL_MS)).toEqual({ kind: 'held', owner: 'a', expiresAt });
  // Asking changed nothing.
  await oath.isHeld('alice', 'a', expiresAt);
}

async function keepsUsersApart(oath: Oath): Promise<void> {
  const alice = await oath.acquire('alice', 'a');
  const bob = await oath.acquire('bob', 'b');
  // One owner may hold the leases of several users.
  const carol = await oath.acquire('carol', 'a');
  expect(await oath.table.release(alice)).toBe(true);
  await oath.isHeld('bob', 'b', bob.expiresAt);
  await oath.isHeld('carol', 'a', carol.expiresAt);
}

async function showsEveryChangeToTheOtherHandleAtOnce(oath: Oath): Promise<void> {
  const { table, other, clock } = oath;
  const lease = await oath.acquire('alice', 'a');
  expect(await other.acquire('alice', 'b', TTL_MS)).toMatchObject({ kind: 'held', expiresAt: lease.expiresAt });
  clock.advance(1000);
  const renewed = await table.renew(lease, TTL_MS);
  expect(await other.acquire('alice', 'b', TTL_MS)).toMatchObject({ kind: 'held', expiresAt: renewed?.expiresAt });
  expect(await table.release(lease)).toBe(true);
  const taken = acquired(await other.acquire('alice', 'b', TTL_MS));
  expect(await table.acquire('alice', 'a', TTL_MS)).toMatchObject({ kind: 'held', owner: 'b' });
  // What one handle acquired, another may renew and release: a lease is a claim of its owner, not of a connection.
  expect(await table.renew(taken, TTL_MS)).toMatchObject({ owner: 'b' });
  expect(await table.release(taken)).toBe(true);
}

async function acquiresWhatWasReleased(oath: Oath): Promise<void> {
  expect(await oath.table.release(await oath.acquire('alice', 'a'))).toBe(true);
  await oath.acquire('alice', 'b');
}

async function renewsWhenTheOwnerAcquiresAgain(oath: Oath): Promise<void> {
  await oath.acquire('alice', 'a');
  oath.clock.advance(TTL_MS / 2);
  const again = await oath.acquire('alice', 'a');
  expect(again.expiresAt).toBe(oath.clock.now() + TTL_MS);
  await oath.isHeld('alice', 'a', again.expiresAt);
  expect(await oath.table.release(again)).toBe(true);
  await oath.acquire('alice', 'b');
}

async function renewsFromNowOn(oath: Oath): Promise<void> {
  let lease: Lease | undefined = await oath.acquire('alice', 'a');
  for (let round = 0; round < 5; round++) {
    oath.clock.advance(TTL_MS - 1);
    lease = await oath.table.renew(lease, TTL_MS);
    if (lease === undefined) expect.fail('the lease was lost');
    expect(lease).toEqual({ username: 'alice', owner: 'a', expiresAt: oath.clock.now() + TTL_MS });
    await oath.isHeld('alice', 'a', lease.expiresAt);
  }
}

async function renewsForAShorterTime(oath: Oath): Promise<void> {
  const lease = await oath.acquire('alice', 'a');
  expect(await oath.table.renew(lease, 1000)).toMatchObject({ expiresAt: oath.clock.now() + 1000 });
  oath.clock.advance(1000);
  await oath.acquire('alice', 'b');
}

async function refusesOthersUntilALeaseIsOver(oath: Oath): Promise<void> {
  const { expiresAt } = await oath.acquire('alice', 'a');
  oath.clock.advance(TTL_MS - 1);
  await oath.isHeld('alice', 'a', expiresAt);
}

async function takesOverALeaseThatIsOver(oath: Oath): Promise<void> {
  await oath.acquire('alice', 'a');
  oath.clock.advance(TTL_MS);
  const { expiresAt } = await oath.acquire('alice', 'b', oath.other);
  expect(expiresAt).toBe(oath.clock.now() + TTL_MS);
  await oath.isHeld('alice', 'b', expiresAt);
}

async function renewsALeaseThatIsOverAndThatNobodyTook(oath: Oath): Promise<void> {
  const lease = await oath.acquire('alice', 'a');
  oath.clock.advance(2 * TTL_MS);
  const renewed = await oath.table.renew(lease, TTL_MS);
  await oath.isHeld('alice', 'a', renewed?.expiresAt);
}

async function releasesALeaseThatIsOverAndThatNobodyTook(oath: Oath): Promise<void> {
  const lease = await oath.acquire('alice', 'a');
  oath.clock.advance(2 * TTL_MS);
  expect(await oath.table.release(lease)).toBe(true);
  expect(await oath.table.renew(lease, TTL_MS)).toBeUndefined();
}

async function renewsAndReleasesByAnOldCopyOfALease(oath: Oath): Promise<void> {
  const first = await oath.acquire('alice', 'a');
  oath.clock.advance(1000);
  await oath.table.renew(first, TTL_MS);
  oath.clock.advance(1000);
  expect(await oath.table.renew(first, TTL_MS)).toMatchObject({ expiresAt: oath.clock.now() + TTL_MS });
  expect(await oath.table.release(first)).toBe(true);
  await oath.acquire('alice', 'b');
}

async function doesNotRenewWhatAnotherTookOver(oath: Oath): Promise<void> {
  const old = await oath.acquire('alice', 'a');
  oath.clock.advance(TTL_MS);
  const { expiresAt } = await oath.acquire('alice', 'b');
  expect(await oath.table.renew(old, TTL_MS)).toBeUndefined();
  await oath.isHeld('alice', 'b', expiresAt);
  // Not even when the other's is over, too: it was lost for good.
  oath.clock.advance(TTL_MS);
  expect(await oath.table.renew(old, TTL_MS)).toBeUndefined();
}

async function doesNotReleaseWhatAnotherTookOver(oath: Oath): Promise<void> {
  const old = await oath.acquire('alice', 'a');
  oath.clock.advance(TTL_MS);
  const { expiresAt } = await oath.acquire('alice', 'b');
  expect(await oath.table.release(old)).toBe(false);
  await oath.isHeld('alice', 'b', expiresAt);
}

async function doesNotRenewWhatWasReleased(oath: Oath): Promise<void> {
  const lease = await oath.acquire('alice', 'a');
  await oath.table.release(lease);
  expect(await oath.table.renew(lease, TTL_MS)).toBeUndefined();
  await oath.acquire('alice', 'b');
}

async function doesNotReleaseTwice(oath: Oath): Promise<void> {
  const lease = await oath.acquire('alice', 'a');
  expect(await oath.table.release(lease)).toBe(true);
  expect(await oath.table.release(lease)).toBe(false);
  expect(await oath.other.release(lease)).toBe(false);
}

async function doesNotRenewOrReleaseWhatWasNeverAcquired(oath: Oath): Promise<void> {
  const lease = { username: 'alice', owner: 'a', expiresAt: oath.clock.now() + TTL_MS };
  expect(await oath.table.renew(lease, TTL_MS)).toBeUndefined();
  expect(await oath.table.release(lease)).toBe(false);
  await oath.acquire('alice', 'b');
}

async function givesAnOwnerWhoLostALeaseANewOneInItsTurn(oath: Oath): Promise<void> {
  await oath.acquire('alice', 'a');
  oath.clock.advance(TTL_MS);
  const taken = await oath.acquire('alice', 'b');
  expect(await oath.table.acquire('alice', 'a', TTL_MS)).toMatchObject({ kind: 'held', owner: 'b' });
  await oath.table.release(taken);
  await oath.acquire('alice', 'a');
}

async function acquiresForOneOfTwentyInParallel(oath: Oath): Promise<void> {
  await oath.oneOfTwentyAcquires();
}

async function takesOverForOneOfTwentyInParallel(oath: Oath): Promise<void> {
  await oath.acquire('alice', 'crashed');
  oath.clock.advance(TTL_MS);
  await oath.oneOfTwentyAcquires();
}

async function takesOverFromOrRenewsForOneNeverBoth(oath: Oath): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const username = `user-${round}`;
    const late = await oath.acquire(username, 'late');
    oath.clock.advance(TTL_MS);
    const take = (): Promise<AcquireResult> => oath.other.acquire(username, 'next', TTL_MS);
    const renew = (): Promise<Lease | undefined> => oath.table.renew(late, TTL_MS);
    // Each order of sending, since nothing says which arrives first.
    const [taken, renewed] =
      round % 2 === 0
        ? await Promise.all([take(), renew()])
        : await Promise.all([renew(), take()]).then(([renewed, taken]) => [taken, renewed] as const);
    const winner = renewed === undefined ? 'next' : 'late';
    expect(taken.kind).toBe(winner === 'next' ? 'acquired' : 'held');
    await oath.isHeld(username, winner, oath.clock.now() + TTL_MS);
  }
}

async function takesOverEarlyOnAMachineWhoseClockIsAhead(oath: Oath): Promise<void> {
  const lease = await oath.acquire('alice', 'a');
  const ahead = oath.machine(TTL_MS);
  const taken = acquired(await ahead.acquire('alice', 'b', TTL_MS));
  expect(taken.expiresAt).toBe(oath.clock.now() + 2 * TTL_MS);
  // The holder learns of it, and others see the new one: as long as it says, which is longer than it meant.
  expect(await oath.table.renew(lease, TTL_MS)).toBeUndefined();
  expect(await oath.table.release(lease)).toBe(false);
  await oath.isHeld('alice', 'b', taken.expiresAt);
}

async function waitsLongerOnAMachineWhoseClockIsBehind(oath: Oath): Promise<void> {
  await oath.acquire('alice', 'a');
  const behind = oath.machine(-TTL_MS);
  oath.clock.advance(TTL_MS);
  expect(await behind.acquire('alice', 'b', TTL_MS)).toMatchObject({ kind: 'held', owner: 'a' });
  await oath.acquire('alice', 'c');
}

async function ignoresAnExpiryThatNoClockCanMean(oath: Oath): Promise<void> {
  const { clock } = oath;
  // At the limit it is still believed: the longest lease, by the clock that is furthest off.
  await oath.machine(CLOCK_SKEW_MAX_MS).acquire('alice', 'a', LEASE_TTL_MAX_MS);
  await oath.isHeld('alice', 'a', clock.now() + CLOCK_SKEW_MAX_MS + LEASE_TTL_MAX_MS);
  await oath.machine(CLOCK_SKEW_MAX_MS + 1).acquire('bob', 'a', LEASE_TTL_MAX_MS);
  await oath.acquire('bob', 'b');
  await oath.machine(366 * 86_400_000).acquire('carol', 'a', 1000);
  await oath.acquire('carol', 'b');
}

async function refusesATimeToLiveThatIsOutOfBounds(oath: Oath): Promise<void> {
  const lease = await oath.acquire('alice', 'a');
  const refused = { name: 'JavumboError', kind: 'usage' };
  for (const ttlMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, LEASE_TTL_MAX_MS + 1]) {
    await expect(oath.table.acquire('bob', 'a', ttlMs)).rejects.toMatchObject(refused);
    await expect(oath.table.acquire('alice', 'a', ttlMs)).rejects.toMatchObject(refused);
    await expect(oath.table.renew(lease, ttlMs)).rejects.toMatchObject(refused);
  }
  await oath.isHeld('alice', 'a', lease.expiresAt);
  acquired(await oath.table.acquire('bob', 'b', 1));
  acquired(await oath.table.acquire('carol', 'b', LEASE_TTL_MAX_MS));
}

async function takesEveryCharacterOfAUsernameAndAnyOwner(oath: Oath): Promise<void> {
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-';
  const usernames = [characters, 'a'.repeat(128), '0', 'Alice', 'alice', 'alice@example.com', 'a+b', 'a..b', 'x-'];
  const owners = ['host-1-0123456789abcdef', "o'brien's laptop", 'Rechner von Zoë \u{1f600}', 'x'.repeat(300)];
  const leases: Lease[] = [];
  for (const [index, username] of usernames.entries()) {
    leases.push(await oath.acquire(username, owners[index % owners.length] ?? ''));
  }
  for (const lease of leases) {
    await oath.isHeld(lease.username, lease.owner, lease.expiresAt);
    expect(await oath.other.release(lease)).toBe(true);
  }
}

/** What the clauses are sworn on: two handles on one table, and a clock that both read. */
class Oath {
  readonly clock = new ManualClock();
  readonly table: LockTable;
  readonly other: LockTable;
  readonly #subject: LockTableUnderTest;

  constructor(subject: LockTableUnderTest) {
    this.#subject = subject;
    this.table = subject.handle(this.clock);
    this.other = subject.handle(this.clock);
  }

  /** A handle on a machine whose clock is that far ahead of the others', or behind when negative. */
  machine(aheadMs: number): LockTable {
    const { clock } = this;
    return this.#subject.handle({
      now: () => clock.now() + aheadMs,
      monotonic: () => clock.monotonic(),
      sleep: (milliseconds) => clock.sleep(milliseconds),
    });
  }

  async acquire(username: string, owner: string, table = this.table): Promise<Lease> {
    return acquired(await table.acquire(username, owner, TTL_MS));
  }

  /** Both handles refuse a third, and name the same holder and end. */
  async isHeld(username: string, owner: string, expiresAt: number | undefined): Promise<void> {
    for (const table of [this.table, this.other]) {
      expect(await table.acquire(username, 'somebody else', TTL_MS)).toEqual({ kind: 'held', owner, expiresAt });
    }
  }

  async oneOfTwentyAcquires(): Promise<void> {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 === 0 ? this.table : this.other).acquire('alice', `owner ${index}`, TTL_MS),
      ),
    );
    const winner = answers.findIndex(({ kind }) => kind === 'acquired');
    const expiresAt = this.clock.now() + TTL_MS;
    expect(answers.filter((_, index) => index !== winner)).toEqual(
      Array(19).fill({ kind: 'held', owner: `owner ${winner}`, expiresAt }),
    );
    await this.isHeld('alice', `owner ${winner}`, expiresAt);
  }

  async end(): Promise<void> {
    await this.#subject.cleanup();
  }
}

function acquired(answer: AcquireResult): Lease {
  if (answer.kind !== 'acquired') expect.fail(`the lease is held by ${answer.owner}`);
  return answer.lease;
}
