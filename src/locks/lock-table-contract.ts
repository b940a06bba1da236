import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../core/clock.ts';
import { sentenceOf } from '../testing/sentence.ts';
import { ManualClock } from '../testing/workbench.ts';
import { type AcquireResult, CLOCK_SKEW_MAX_MS, LEASE_TTL_MAX_MS, type Lease, type LockTable } from './lock-table.ts';

/** An empty lock table, made for one test. */
export interface LockTableUnderTest {
  /** Opens a handle, as another process would, on a machine with that clock. */
  handle(clock: Clock): LockTable;
  cleanup(): Promise<void> | void;
}

/** Runs the contract of lock-table.ts against one implementation. The function names below are its clauses. */
export function describeLockTable(
  name: string,
  makeTable: () => Promise<LockTableUnderTest> | LockTableUnderTest,
): void {
  describe(name, () => {
    let contract: Contract;

    beforeEach(async () => {
      contract = new Contract(await makeTable());
    });

    afterEach(() => contract.end());

    for (const property of PROPERTIES) test(sentenceOf(property.name), () => property(contract));
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

async function acquiresWhatNobodyHolds({ table, clock }: Contract): Promise<void> {
  expect(await table.acquire('alice', 'a', TTL_MS)).toEqual({
    kind: 'acquired',
    lease: { username: 'alice', owner: 'a', expiresAt: clock.now() + TTL_MS },
  });
}

async function saysWhoHoldsALeaseAndUntilWhen(contract: Contract): Promise<void> {
  const { expiresAt } = await contract.acquire('alice', 'a');
  contract.clock.advance(1000);
  expect(await contract.table.acquire('alice', 'b', TTL_MS)).toEqual({ kind: 'held', owner: 'a', expiresAt });
  // Asking changed nothing.
  await contract.isHeld('alice', 'a', expiresAt);
}

async function keepsUsersApart(contract: Contract): Promise<void> {
  const alice = await contract.acquire('alice', 'a');
  const bob = await contract.acquire('bob', 'b');
  // One owner may hold the leases of several users.
  const carol = await contract.acquire('carol', 'a');
  expect(await contract.table.release(alice)).toBe(true);
  await contract.isHeld('bob', 'b', bob.expiresAt);
  await contract.isHeld('carol', 'a', carol.expiresAt);
}

async function showsEveryChangeToTheOtherHandleAtOnce(contract: Contract): Promise<void> {
  const { table, other, clock } = contract;
  const lease = await contract.acquire('alice', 'a');
  expect(await other.acquire('alice', 'b', TTL_MS)).toMatchObject({ kind: 'held', expiresAt: lease.expiresAt });
  clock.advance(1000);
  const renewed = await table.renew(lease, TTL_MS);
  expect(await other.acquire('alice', 'b', TTL_MS)).toMatchObject({ kind: 'held', expiresAt: renewed?.expiresAt });
  expect(await table.release(lease)).toBe(true);
  const taken = acquired(await other.acquire('alice', 'b', TTL_MS));
  expect(await table.acquire('alice', 'a', TTL_MS)).toMatchObject({ kind: 'held', owner: 'b' });
  // Any handle may renew and release: a lease is a claim of its owner, not of a connection.
  expect(await table.renew(taken, TTL_MS)).toMatchObject({ owner: 'b' });
  expect(await table.release(taken)).toBe(true);
}

async function acquiresWhatWasReleased(contract: Contract): Promise<void> {
  expect(await contract.table.release(await contract.acquire('alice', 'a'))).toBe(true);
  await contract.acquire('alice', 'b');
}

async function renewsWhenTheOwnerAcquiresAgain(contract: Contract): Promise<void> {
  await contract.acquire('alice', 'a');
  contract.clock.advance(TTL_MS / 2);
  const again = await contract.acquire('alice', 'a');
  expect(again.expiresAt).toBe(contract.clock.now() + TTL_MS);
  await contract.isHeld('alice', 'a', again.expiresAt);
  expect(await contract.table.release(again)).toBe(true);
  await contract.acquire('alice', 'b');
}

async function renewsFromNowOn(contract: Contract): Promise<void> {
  let lease: Lease | undefined = await contract.acquire('alice', 'a');
  for (let round = 0; round < 5; round++) {
    contract.clock.advance(TTL_MS - 1);
    lease = await contract.table.renew(lease, TTL_MS);
    if (lease === undefined) expect.fail('the lease was lost');
    expect(lease).toEqual({ username: 'alice', owner: 'a', expiresAt: contract.clock.now() + TTL_MS });
    await contract.isHeld('alice', 'a', lease.expiresAt);
  }
}

async function renewsForAShorterTime(contract: Contract): Promise<void> {
  const lease = await contract.acquire('alice', 'a');
  expect(await contract.table.renew(lease, 1000)).toMatchObject({ expiresAt: contract.clock.now() + 1000 });
  contract.clock.advance(1000);
  await contract.acquire('alice', 'b');
}

async function refusesOthersUntilALeaseIsOver(contract: Contract): Promise<void> {
  const { expiresAt } = await contract.acquire('alice', 'a');
  contract.clock.advance(TTL_MS - 1);
  await contract.isHeld('alice', 'a', expiresAt);
}

async function takesOverALeaseThatIsOver(contract: Contract): Promise<void> {
  await contract.acquire('alice', 'a');
  contract.clock.advance(TTL_MS);
  const { expiresAt } = await contract.acquire('alice', 'b', contract.other);
  expect(expiresAt).toBe(contract.clock.now() + TTL_MS);
  await contract.isHeld('alice', 'b', expiresAt);
}

async function renewsALeaseThatIsOverAndThatNobodyTook(contract: Contract): Promise<void> {
  const lease = await contract.acquire('alice', 'a');
  contract.clock.advance(2 * TTL_MS);
  const renewed = await contract.table.renew(lease, TTL_MS);
  await contract.isHeld('alice', 'a', renewed?.expiresAt);
}

async function releasesALeaseThatIsOverAndThatNobodyTook(contract: Contract): Promise<void> {
  const lease = await contract.acquire('alice', 'a');
  contract.clock.advance(2 * TTL_MS);
  expect(await contract.table.release(lease)).toBe(true);
  expect(await contract.table.renew(lease, TTL_MS)).toBeUndefined();
}

async function renewsAndReleasesByAnOldCopyOfALease(contract: Contract): Promise<void> {
  const first = await contract.acquire('alice', 'a');
  contract.clock.advance(1000);
  await contract.table.renew(first, TTL_MS);
  contract.clock.advance(1000);
  expect(await contract.table.renew(first, TTL_MS)).toMatchObject({ expiresAt: contract.clock.now() + TTL_MS });
  expect(await contract.table.release(first)).toBe(true);
  await contract.acquire('alice', 'b');
}

async function doesNotRenewWhatAnotherTookOver(contract: Contract): Promise<void> {
  const old = await contract.acquire('alice', 'a');
  contract.clock.advance(TTL_MS);
  const { expiresAt } = await contract.acquire('alice', 'b');
  expect(await contract.table.renew(old, TTL_MS)).toBeUndefined();
  await contract.isHeld('alice', 'b', expiresAt);
  // Not even once the other's has ended too: it was lost for good.
  contract.clock.advance(TTL_MS);
  expect(await contract.table.renew(old, TTL_MS)).toBeUndefined();
}

async function doesNotReleaseWhatAnotherTookOver(contract: Contract): Promise<void> {
  const old = await contract.acquire('alice', 'a');
  contract.clock.advance(TTL_MS);
  const { expiresAt } = await contract.acquire('alice', 'b');
  expect(await contract.table.release(old)).toBe(false);
  await contract.isHeld('alice', 'b', expiresAt);
}

async function doesNotRenewWhatWasReleased(contract: Contract): Promise<void> {
  const lease = await contract.acquire('alice', 'a');
  await contract.table.release(lease);
  expect(await contract.table.renew(lease, TTL_MS)).toBeUndefined();
  await contract.acquire('alice', 'b');
}

async function doesNotReleaseTwice(contract: Contract): Promise<void> {
  const lease = await contract.acquire('alice', 'a');
  expect(await contract.table.release(lease)).toBe(true);
  expect(await contract.table.release(lease)).toBe(false);
  expect(await contract.other.release(lease)).toBe(false);
}

async function doesNotRenewOrReleaseWhatWasNeverAcquired(contract: Contract): Promise<void> {
  const lease = { username: 'alice', owner: 'a', expiresAt: contract.clock.now() + TTL_MS };
  expect(await contract.table.renew(lease, TTL_MS)).toBeUndefined();
  expect(await contract.table.release(lease)).toBe(false);
  await contract.acquire('alice', 'b');
}

async function givesAnOwnerWhoLostALeaseANewOneInItsTurn(contract: Contract): Promise<void> {
  await contract.acquire('alice', 'a');
  contract.clock.advance(TTL_MS);
  const taken = await contract.acquire('alice', 'b');
  expect(await contract.table.acquire('alice', 'a', TTL_MS)).toMatchObject({ kind: 'held', owner: 'b' });
  await contract.table.release(taken);
  await contract.acquire('alice', 'a');
}

async function acquiresForOneOfTwentyInParallel(contract: Contract): Promise<void> {
  await contract.oneOfTwentyAcquires();
}

async function takesOverForOneOfTwentyInParallel(contract: Contract): Promise<void> {
  await contract.acquire('alice', 'crashed');
  contract.clock.advance(TTL_MS);
  await contract.oneOfTwentyAcquires();
}

async function takesOverFromOrRenewsForOneNeverBoth(contract: Contract): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const username = `user-${round}`;
    const late = await contract.acquire(username, 'late');
    contract.clock.advance(TTL_MS);
    const take = (): Promise<AcquireResult> => contract.other.acquire(username, 'next', TTL_MS);
    const renew = (): Promise<Lease | undefined> => contract.table.renew(late, TTL_MS);
    // Both orders of sending, since either may arrive first.
    const [taken, renewed] =
      round % 2 === 0
        ? await Promise.all([take(), renew()])
        : await Promise.all([renew(), take()]).then(([renewed, taken]) => [taken, renewed] as const);
    const winner = renewed === undefined ? 'next' : 'late';
    expect(taken.kind).toBe(winner === 'next' ? 'acquired' : 'held');
    await contract.isHeld(username, winner, contract.clock.now() + TTL_MS);
  }
}

async function takesOverEarlyOnAMachineWhoseClockIsAhead(contract: Contract): Promise<void> {
  const lease = await contract.acquire('alice', 'a');
  const ahead = contract.machine(TTL_MS);
  const taken = acquired(await ahead.acquire('alice', 'b', TTL_MS));
  expect(taken.expiresAt).toBe(contract.clock.now() + 2 * TTL_MS);
  // The holder notices, and others see the new lease until its stated end, which is later than intended.
  expect(await contract.table.renew(lease, TTL_MS)).toBeUndefined();
  expect(await contract.table.release(lease)).toBe(false);
  await contract.isHeld('alice', 'b', taken.expiresAt);
}

async function waitsLongerOnAMachineWhoseClockIsBehind(contract: Contract): Promise<void> {
  await contract.acquire('alice', 'a');
  const behind = contract.machine(-TTL_MS);
  contract.clock.advance(TTL_MS);
  expect(await behind.acquire('alice', 'b', TTL_MS)).toMatchObject({ kind: 'held', owner: 'a' });
  await contract.acquire('alice', 'c');
}

async function ignoresAnExpiryThatNoClockCanMean(contract: Contract): Promise<void> {
  const { clock } = contract;
  // At the limit it still counts: the longest lease, by the clock that is furthest off.
  await contract.machine(CLOCK_SKEW_MAX_MS).acquire('alice', 'a', LEASE_TTL_MAX_MS);
  await contract.isHeld('alice', 'a', clock.now() + CLOCK_SKEW_MAX_MS + LEASE_TTL_MAX_MS);
  await contract.machine(CLOCK_SKEW_MAX_MS + 1).acquire('bob', 'a', LEASE_TTL_MAX_MS);
  await contract.acquire('bob', 'b');
  await contract.machine(366 * 86_400_000).acquire('carol', 'a', 1000);
  await contract.acquire('carol', 'b');
}

async function refusesATimeToLiveThatIsOutOfBounds(contract: Contract): Promise<void> {
  const lease = await contract.acquire('alice', 'a');
  const refused = { name: 'JavumboError', kind: 'usage' };
  for (const ttlMs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, LEASE_TTL_MAX_MS + 1]) {
    await expect(contract.table.acquire('bob', 'a', ttlMs)).rejects.toMatchObject(refused);
    await expect(contract.table.acquire('alice', 'a', ttlMs)).rejects.toMatchObject(refused);
    await expect(contract.table.renew(lease, ttlMs)).rejects.toMatchObject(refused);
  }
  await contract.isHeld('alice', 'a', lease.expiresAt);
  acquired(await contract.table.acquire('bob', 'b', 1));
  acquired(await contract.table.acquire('carol', 'b', LEASE_TTL_MAX_MS));
}

async function takesEveryCharacterOfAUsernameAndAnyOwner(contract: Contract): Promise<void> {
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-';
  const usernames = [characters, 'a'.repeat(128), '0', 'Alice', 'alice', 'alice@example.com', 'a+b', 'a..b', 'x-'];
  const owners = ['host-1-0123456789abcdef', "o'brien's laptop", 'Rechner von Zoë \u{1f600}', 'x'.repeat(300)];
  const leases: Lease[] = [];
  for (const [index, username] of usernames.entries()) {
    leases.push(await contract.acquire(username, owners[index % owners.length] ?? ''));
  }
  for (const lease of leases) {
    await contract.isHeld(lease.username, lease.owner, lease.expiresAt);
    expect(await contract.other.release(lease)).toBe(true);
  }
}

/** What the clauses work on: two handles on one table, and their shared clock. */
class Contract {
  readonly clock = new ManualClock();
  readonly table: LockTable;
  readonly other: LockTable;
  readonly #subject: LockTableUnderTest;

  constructor(subject: LockTableUnderTest) {
    this.#subject = subject;
    this.table = subject.handle(this.clock);
    this.other = subject.handle(this.clock);
  }

  /** A handle on a machine whose clock is that far ahead, or behind if negative. */
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

  /** Both handles refuse a third owner, and name the same holder and end. */
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
