import { existsSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Behaviour, Identity } from '../testing/scripted-function.ts';
import { sentenceOf } from '../testing/sentence.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import type { FunctionReply, RemoteFunction } from './remote-function.ts';

/** The conditions of the function: testing/scripted-function.ts, in containers with this clock. */
export interface FunctionConditions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly idleMs: number;
}

/** A function without calls so far, made for one test. */
export interface RemoteFunctionUnderTest {
  readonly function: RemoteFunction;
  /** The parent of its containers' directories. */
  readonly directory: string;
  /** Ends the function with its containers. */
  cleanup(): Promise<void> | void;
}

/** Runs the contract of remote-function.ts against one implementation. The function names below are its clauses. */
export function describeRemoteFunction(
  name: string,
  make: (conditions: FunctionConditions) => Promise<RemoteFunctionUnderTest> | RemoteFunctionUnderTest,
): void {
  describe(name, () => {
    let contract: Contract;

    beforeEach(() => {
      contract = new Contract(make);
    });

    afterEach(() => contract.end());

    for (const property of PROPERTIES) test(sentenceOf(property.name), () => property(contract));
  });
}

const PROPERTIES = [
  returnsWhatTheFunctionReturnedAsText,
  saysForHowLongAndWithHowMuchMemoryItRan,
  describesItselfByItsName,
  keepsAContainerForTheNextCall,
  givesCallsAtTheSameTimeContainersOfTheirOwn,
  neverGivesAContainerTwoCallsAtATime,
  callsContainersAgainThatCallsAtTheSameTimeHaveLeft,
  givesEachContainerATemporaryDirectoryThatItsNextCallFinds,
  leavesNothingBehindWhenItHasEnded,
  endsAContainerThatWasIdleForTooLong,
  keepsAContainerThatIsCalledBeforeThat,
  repliesThatTheFunctionThrewAndNotWhatItSaid,
  keepsAContainerWhoseFunctionThrew,
  repliesThatWhatItReturnedIsNoJson,
  repliesThatItDidNotEndInTime,
  repliesThatItKeptItsProcessorForTooLong,
  repliesThatItsProcessEnded,
  givesTheNextCallANewContainerAfterOneThatDidNotEnd,
  givesTheNextCallANewContainerAfterOneThatCrashed,
  passesOverAContainerWhoseProcessEndedWhileItWasIdle,
  endsWhatIsUnderWayWhenItIsClosed,
] as const;

class Contract {
  readonly #make: Parameters<typeof describeRemoteFunction>[1];
  readonly #opened: RemoteFunctionUnderTest[] = [];

  constructor(make: Parameters<typeof describeRemoteFunction>[1]) {
    this.#make = make;
  }

  async open(conditions: Partial<FunctionConditions> = {}): Promise<RemoteFunctionUnderTest> {
    const opened = await this.#make({ clock: systemClock, timeoutMs: 60_000, idleMs: 60_000, ...conditions });
    this.#opened.push(opened);
    return opened;
  }

  async end(): Promise<void> {
    for (const opened of this.#opened.splice(0)) await opened.cleanup();
  }
}

function invoke(
  { function: called }: RemoteFunctionUnderTest,
  behaviour: Behaviour,
  holdMs = 0,
): Promise<FunctionReply> {
  return called.invoke(JSON.stringify({ behaviour, holdMs, confidential: 'geheim' }));
}

async function identify(made: RemoteFunctionUnderTest, holdMs = 0): Promise<Identity> {
  return JSON.parse((await invoke(made, 'identify', holdMs)).payload);
}

function identifyTogether(made: RemoteFunctionUnderTest, count: number, holdMs: number): Promise<Identity[]> {
  return Promise.all(Array.from({ length: count }, () => identify(made, holdMs)));
}

async function returnsWhatTheFunctionReturnedAsText(contract: Contract): Promise<void> {
  const made = await contract.open();
  expect(await identify(made)).toMatchObject({ calls: 1, together: 1 });
  expect(await invoke(made, 'nothing')).toMatchObject({ payload: 'null' });
}

async function saysForHowLongAndWithHowMuchMemoryItRan(contract: Contract): Promise<void> {
  const { billedMs, memoryMb } = await invoke(await contract.open(), 'identify');
  expect({ isBilled: (billedMs ?? 0) > 0, memoryMb }).toEqual({ isBilled: true, memoryMb: 512 });
}

async function describesItselfByItsName(contract: Contract): Promise<void> {
  const { function: called } = await contract.open();
  expect(await called.describe()).toMatchObject({ name: called.name, state: 'Active', memoryMb: 512 });
}

async function keepsAContainerForTheNextCall(contract: Contract): Promise<void> {
  const made = await contract.open();
  const first = await identify(made);
  expect(await identify(made)).toMatchObject({ pid: first.pid, calls: 2 });
}

async function givesCallsAtTheSameTimeContainersOfTheirOwn(contract: Contract): Promise<void> {
  const together = await identifyTogether(await contract.open(), 4, 2_000);
  expect(new Set(together.map(({ pid }) => pid)).size).toBe(4);
}

async function neverGivesAContainerTwoCallsAtATime(contract: Contract): Promise<void> {
  const made = await contract.open();
  const rounds = await Promise.all(
    Array.from({ length: 3 }, async () => [await identify(made, 20), await identify(made, 5), await identify(made)]),
  );
  expect(rounds.flat().map(({ together }) => together)).toEqual(Array(9).fill(1));
}

async function callsContainersAgainThatCallsAtTheSameTimeHaveLeft(contract: Contract): Promise<void> {
  const made = await contract.open();
  const pids = (await identifyTogether(made, 3, 1_000)).map(({ pid }) => pid);
  expect(pids).toEqual(expect.arrayContaining((await identifyTogether(made, 2, 0)).map(({ pid }) => pid)));
}

async function givesEachContainerATemporaryDirectoryThatItsNextCallFinds(contract: Contract): Promise<void> {
  const made = await contract.open();
  const [one, other] = await identifyTogether(made, 2, 1_000);
  expect(one?.temporaryDirectory).not.toBe(other?.temporaryDirectory);
  expect({ one: one?.files, other: other?.files }).toEqual({ one: [], other: [] });
  expect((await identify(made)).files).toEqual(['call-1']);
}

async function leavesNothingBehindWhenItHasEnded(contract: Contract): Promise<void> {
  const made = await contract.open();
  const identities = await identifyTogether(made, 2, 1_000);
  expect(readdirSync(made.directory)).toHaveLength(2);
  await contract.end();
  expect(readdirSync(made.directory)).toEqual([]);
  await gone(identities);
}

async function endsAContainerThatWasIdleForTooLong(contract: Contract): Promise<void> {
  const clock = new SteppedClock();
  const made = await contract.open({ clock, idleMs: 1_000 });
  const first = await identify(made);
  clock.jump(1_000);
  await gone([first]);
  expect(existsSync(first.temporaryDirectory)).toBe(false);
  expect(await identify(made)).toMatchObject({ calls: 1 });
}

async function keepsAContainerThatIsCalledBeforeThat(contract: Contract): Promise<void> {
  const clock = new SteppedClock();
  const made = await contract.open({ clock, idleMs: 1_000 });
  const { pid } = await identify(made);
  for (const calls of [2, 3, 4]) {
    clock.jump(600);
    expect(await identify(made)).toMatchObject({ pid, calls });
  }
}

async function repliesThatTheFunctionThrewAndNotWhatItSaid(contract: Contract): Promise<void> {
  const reply = await invoke(await contract.open(), 'throw');
  expect(reply).toMatchObject({ payload: '', fault: { kind: 'threw', message: 'TypeError' } });
  expect(JSON.stringify(reply)).not.toContain('geheim');
}

async function keepsAContainerWhoseFunctionThrew(contract: Contract): Promise<void> {
  const made = await contract.open();
  const { pid } = await identify(made);
  await invoke(made, 'throw');
  expect(await identify(made)).toMatchObject({ pid, calls: 3 });
}

async function repliesThatWhatItReturnedIsNoJson(contract: Contract): Promise<void> {
  expect(await invoke(await contract.open(), 'unserializable')).toMatchObject({
    payload: '',
    fault: { kind: 'threw' },
  });
}

async function repliesThatItDidNotEndInTime(contract: Contract): Promise<void> {
  const { fault } = await invoke(await contract.open({ timeoutMs: 500 }), 'never-end');
  expect(fault).toMatchObject({ kind: 'timed-out', message: expect.stringMatching(/\d s|seconds/) });
}

async function repliesThatItKeptItsProcessorForTooLong(contract: Contract): Promise<void> {
  const made = await contract.open({ timeoutMs: 500 });
  expect((await invoke(made, 'block')).fault).toMatchObject({ kind: 'timed-out' });
}

async function repliesThatItsProcessEnded(contract: Contract): Promise<void> {
  const { fault } = await invoke(await contract.open(), 'exit');
  expect(fault).toMatchObject({ kind: 'crashed', message: expect.stringMatching(/ex.* 3$/) });
}

async function givesTheNextCallANewContainerAfterOneThatDidNotEnd(contract: Contract): Promise<void> {
  const made = await contract.open({ timeoutMs: 2_000 });
  const first = await identify(made);
  await invoke(made, 'block');
  await gone([first]);
  expect(await identify(made)).toMatchObject({ calls: 1, files: [] });
}

async function givesTheNextCallANewContainerAfterOneThatCrashed(contract: Contract): Promise<void> {
  const made = await contract.open();
  const first = await identify(made);
  await invoke(made, 'exit');
  expect(await identify(made)).toMatchObject({ calls: 1, files: [] });
  expect(existsSync(first.temporaryDirectory)).toBe(false);
}

async function passesOverAContainerWhoseProcessEndedWhileItWasIdle(contract: Contract): Promise<void> {
  const made = await contract.open();
  const [one, other] = await identifyTogether(made, 2, 1_000);
  const last = await identify(made);
  process.kill(last.pid, 'SIGKILL');
  await gone([last]);
  const living = [one, other].find((container) => container?.pid !== last.pid);
  expect(await identify(made)).toMatchObject({ pid: living?.pid, calls: 2 });
  expect(existsSync(last.temporaryDirectory)).toBe(false);
}

async function endsWhatIsUnderWayWhenItIsClosed(contract: Contract): Promise<void> {
  const made = await contract.open();
  await identify(made);
  const ending = invoke(made, 'never-end').then(
    ({ fault }) => fault?.kind,
    ({ kind }) => kind,
  );
  // Lets the call be sent.
  await sleep(50);
  made.function.close();
  expect(['crashed', 'unknown']).toContain(await ending);
}

/** Waits until these processes are gone: a signal takes time. */
async function gone(identities: readonly Identity[]): Promise<void> {
  const isThere = ({ pid }: Identity): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  while (identities.some(isThere)) await sleep(10);
}
