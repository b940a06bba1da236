import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../core/file.ts';
import { sentenceOf } from '../testing/sentence.ts';
import type { DatabaseStore, PutCondition, PutOutcome, Version } from './database-store.ts';
import {
  deliversBytesAndWhatIsKnownOfThem,
  deliversWhatIsNewerThanTheNamedVersion,
  headSaysWhatGetSays,
  keepsAnEmptyListOfWriteIds,
  keepsThirtyTwoWriteIdsInTheirOrder,
  leavesNoFileWhenNothingChangedOrNothingIsThere,
  leavesTheDestinationAloneWhenNothingChanged,
  listsByTheBytesOfTheKeys,
  listsMoreDatabasesThanOnePageHolds,
  listsNothingWhenNothingIsStored,
  listsThoseWhoseNamesBeginSo,
  listsWhatHeadSays,
  replacesALongerFileAtTheDestination,
  saysThatADatabaseIsAbsent,
} from './store-reads-contract.ts';
import { Contract, committed, type StoreTraits, type StoreUnderTest, writeId } from './store-under-contract.ts';
import { writesOver } from './write-ids.ts';

/** Runs the contract of store.ts against one implementation. The names of the functions below are its clauses. */
export function describeDatabaseStore(
  name: string,
  makeStore: () => Promise<StoreUnderTest> | StoreUnderTest,
  traits: StoreTraits = {},
): void {
  describe(name, () => {
    let contract: Contract;

    beforeEach(async () => {
      contract = new Contract(await makeStore(), traits);
    });

    afterEach(() => contract.end());

    for (const property of PROPERTIES) {
      if (property === listsMoreDatabasesThanOnePageHolds && traits.longLists !== true) continue;
      test(sentenceOf(property.name), () => property(contract));
    }
  });
}

const PROPERTIES = [
  createsWhatDoesNotExist,
  refusesToCreateWhatExists,
  replacesExactlyTheVersionItNames,
  rejectsAStaleVersion,
  rejectsAStaleVersionFromAnotherHandle,
  rejectsAVersionOfADeletedDatabase,
  rejectsAVersionOfADatabaseThatNeverWas,
  leavesOtherUsersAlone,
  saysThatADatabaseIsAbsent,
  deliversBytesAndWhatIsKnownOfThem,
  replacesALongerFileAtTheDestination,
  leavesTheDestinationAloneWhenNothingChanged,
  leavesNoFileWhenNothingChangedOrNothingIsThere,
  deliversWhatIsNewerThanTheNamedVersion,
  headSaysWhatGetSays,
  keepsThirtyTwoWriteIdsInTheirOrder,
  keepsAnEmptyListOfWriteIds,
  listsByTheBytesOfTheKeys,
  listsNothingWhenNothingIsStored,
  listsThoseWhoseNamesBeginSo,
  listsWhatHeadSays,
  listsMoreDatabasesThanOnePageHolds,
  deletes,
  deletesTheVersionItNames,
  keepsWhatAStaleDeleteNames,
  deletesWhatIsNotThereWithoutComplaint,
  createsAgainAfterADelete,
  givesDifferentBytesDifferentVersions,
  usesADigestOnlyIfItIsTheOneThatItNeeds,
  takesTheSameBytesTwice,
  commitsOneOfTwentyParallelCreates,
  commitsOneOfTwentyParallelPutsOnOneBase,
  losesNoneOfManyUpdatesFromTwoHandles,
  deliversOneVersionWholeWhileOthersWrite,
  showsACommitToTheOtherHandleAtOnce,
  carriesFiveMegabytesThereAndBack,
  carriesAnEmptyFileThereAndBack,
  takesBytesAsItTakesAFile,
  takesEveryCharacterOfAUsername,
] as const;

async function createsWhatDoesNotExist(contract: Contract): Promise<void> {
  const version = await contract.create('alice', 'one');
  await contract.holds('alice', { version, content: 'one' });
}

async function refusesToCreateWhatExists(contract: Contract): Promise<void> {
  const version = await contract.create('alice', 'one');
  expect(await contract.put('alice', 'two', undefined)).toMatchObject({ kind: 'conflict', reason: 'changed' });
  expect(await contract.put('alice', 'one', undefined)).toMatchObject({ kind: 'conflict', reason: 'changed' });
  await contract.holds('alice', { version, content: 'one' });
}

async function replacesExactlyTheVersionItNames(contract: Contract): Promise<void> {
  const one = await contract.create('alice', 'one');
  const two = await contract.update('alice', 'two', one);
  const three = await contract.update('alice', 'three', two);
  await contract.holds('alice', { version: three, content: 'three' });
}

async function rejectsAStaleVersion(contract: Contract): Promise<void> {
  const one = await contract.create('alice', 'one');
  const two = await contract.update('alice', 'two', one);
  expect(await contract.put('alice', 'three', one)).toMatchObject({ kind: 'conflict', reason: 'changed' });
  await contract.holds('alice', { version: two, content: 'two' });
}

async function rejectsAStaleVersionFromAnotherHandle(contract: Contract): Promise<void> {
  const one = await contract.create('alice', 'one');
  const two = await contract.update('alice', 'two', one, contract.other);
  expect(await contract.put('alice', 'three', one)).toMatchObject({ kind: 'conflict', reason: 'changed' });
  expect(await contract.put('alice', 'three', one, contract.other)).toMatchObject({
    kind: 'conflict',
    reason: 'changed',
  });
  await contract.holds('alice', { version: two, content: 'two' });
}

async function rejectsAVersionOfADeletedDatabase(contract: Contract): Promise<void> {
  const one = await contract.create('alice', 'one');
  await contract.store.delete('alice');
  expect(await contract.put('alice', 'two', one)).toMatchObject({
    kind: 'conflict',
    reason: expect.toBeOneOf(contract.overNothing),
  });
  expect(await contract.store.head('alice')).toBeUndefined();
}

async function rejectsAVersionOfADatabaseThatNeverWas(contract: Contract): Promise<void> {
  const version = await contract.create('alice', 'one');
  expect(await contract.put('bob', 'one', version)).toMatchObject({
    kind: 'conflict',
    reason: expect.toBeOneOf(contract.overNothing),
  });
  expect(await contract.store.head('bob')).toBeUndefined();
}

async function leavesOtherUsersAlone(contract: Contract): Promise<void> {
  const alice = await contract.create('alice', 'of alice');
  const bob = await contract.create('bob', 'of bob');
  await contract.update('alice', 'of alice, later', alice);
  await contract.holds('bob', { version: bob, content: 'of bob' });
  await contract.store.delete('alice');
  await contract.holds('bob', { version: bob, content: 'of bob' });
}

async function deletes(contract: Contract): Promise<void> {
  await contract.create('alice', 'one');
  expect(await contract.store.delete('alice')).toEqual({ kind: 'deleted' });
  expect(await contract.store.head('alice')).toBeUndefined();
  expect(await contract.store.get('alice', contract.newPath())).toEqual({ kind: 'absent' });
  expect(await contract.listed()).toEqual([]);
  expect(await contract.other.head('alice')).toBeUndefined();
}

async function deletesTheVersionItNames(contract: Contract): Promise<void> {
  const two = await contract.update('alice', 'two', await contract.create('alice', 'one'));
  expect(await contract.store.delete('alice', { ifVersion: two })).toEqual({ kind: 'deleted' });
  expect(await contract.store.head('alice')).toBeUndefined();
}

async function keepsWhatAStaleDeleteNames(contract: Contract): Promise<void> {
  const one = await contract.create('alice', 'one');
  const two = await contract.update('alice', 'two', one);
  const { kind } = await contract.store.delete('alice', { ifVersion: one });
  if (contract.traits.comparesOnDelete === false) {
    expect(['deleted', 'conflict']).toContain(kind);
    return;
  }
  expect(kind).toBe('conflict');
  await contract.holds('alice', { version: two, content: 'two' });
}

async function deletesWhatIsNotThereWithoutComplaint(contract: Contract): Promise<void> {
  expect(['absent', 'deleted']).toContain((await contract.store.delete('alice')).kind);
  await contract.create('alice', 'one');
  await contract.store.delete('alice');
  expect(['absent', 'deleted']).toContain((await contract.store.delete('alice')).kind);
}

async function createsAgainAfterADelete(contract: Contract): Promise<void> {
  await contract.create('alice', 'one');
  await contract.store.delete('alice');
  const version = await contract.create('alice', 'another');
  await contract.holds('alice', { version, content: 'another' });
}

async function givesDifferentBytesDifferentVersions(contract: Contract): Promise<void> {
  const versions = new Set<Version>();
  let version = await contract.create('alice', 'content 0');
  versions.add(version);
  for (let index = 1; index < 10; index++) {
    version = await contract.update('alice', `content ${index}`, version);
    versions.add(version);
  }
  versions.add(await contract.create('bob', 'content of bob'));
  expect(versions.size).toBe(11);
}

async function usesADigestOnlyIfItIsTheOneThatItNeeds(contract: Contract): Promise<void> {
  const { store } = contract;
  let condition: PutCondition = { kind: 'absent' };
  for (const algorithm of ['md5', 'crc32', 'sha256'] as const) {
    const content = `as for ${algorithm}`;
    const bytes = Buffer.from(content);
    const hex = store.bodyDigest === algorithm ? (await digestOf(bytes, algorithm)).toString('hex') : 'none';
    const put = await store.put('alice', bytes, {
      condition,
      writes: [contract.newWriteId()],
      body: { algorithm, hex },
    });
    const version = committed(put);
    await contract.holds('alice', { version, content });
    condition = { kind: 'version', version };
  }
}

async function takesTheSameBytesTwice(contract: Contract): Promise<void> {
  const first = await contract.put('alice', 'one', undefined, contract.store, [writeId(1), 'new']);
  if (first.kind !== 'committed') expect.fail(`the create ended as ${first.kind}`);
  const second = await contract.put('alice', 'one', first.version, contract.store, [writeId(2), writeId(1), 'new']);
  if (second.kind !== 'committed') expect.fail(`the put of equal bytes ended as ${second.kind}`);
  // Whether the two versions are equal is the store's affair; who wrote the current one is not.
  expect(await contract.store.head('alice')).toMatchObject({
    version: second.version,
    writes: [writeId(2), writeId(1), 'new'],
  });
  const third = await contract.update('alice', 'three', second.version);
  await contract.holds('alice', { version: third, content: 'three' });
}

async function commitsOneOfTwentyParallelCreates(contract: Contract): Promise<void> {
  await commitsOneOfTwenty(contract, undefined);
}

async function commitsOneOfTwentyParallelPutsOnOneBase(contract: Contract): Promise<void> {
  await commitsOneOfTwenty(contract, await contract.create('alice', 'base'));
}

async function commitsOneOfTwenty(contract: Contract, base: Version | undefined): Promise<void> {
  const before = await contract.store.head('alice');
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      contract.put(
        'alice',
        `by writer ${index}`,
        base,
        index % 2 === 0 ? contract.store : contract.other,
        writesOver(before, writeId(index)),
      ),
    ),
  );
  const kinds = outcomes.map(({ kind }) => kind);
  const stored = await contract.store.head('alice');
  const winner = outcomes.findIndex((_, index) => stored?.writes[0] === writeId(index));
  expect(stored?.writes).toEqual(writesOver(before, writeId(winner)));
  await contract.holds('alice', { version: stored?.version ?? '', content: `by writer ${winner}` });
  if (contract.traits.racesMayEndUnknown === true) {
    // Nobody but the winner was told that it won, and nobody at all that it lost though it had won.
    expect(kinds.flatMap((kind, index) => (kind === 'committed' && index !== winner ? index : []))).toEqual([]);
    expect(kinds[winner]).not.toBe('conflict');
  } else {
    expect(outcomes[winner]).toMatchObject({ kind: 'committed', version: stored?.version });
    expect(kinds.sort()).toEqual(['committed', ...Array(19).fill('conflict')]);
  }
}

async function losesNoneOfManyUpdatesFromTwoHandles(contract: Contract): Promise<void> {
  await contract.create('alice', '');
  const append = async (store: DatabaseStore, letter: string): Promise<void> => {
    for (;;) {
      const path = contract.newPath();
      const found = await store.get('alice', path);
      if (found.kind !== 'found') expect.fail(`get ended as ${found.kind}`);
      const id = contract.newWriteId();
      const content = readFileSync(path, 'utf8') + letter;
      const outcome = await contract.put('alice', content, found.version, store, writesOver(found, id));
      if (outcome.kind === 'committed') return;
      if (outcome.kind === 'unknown' && contract.traits.racesMayEndUnknown === true) {
        if ((await store.head('alice'))?.writes.includes(id) === true) return;
        continue;
      }
      expect(outcome).toMatchObject({ kind: 'conflict', reason: 'changed' });
    }
  };
  const letters = [...'abcdefghij'];
  await Promise.all(letters.map((letter, index) => append(index % 2 === 0 ? contract.store : contract.other, letter)));
  const path = contract.newPath();
  await contract.store.get('alice', path);
  expect([...readFileSync(path, 'utf8')].sort()).toEqual(letters);
}

async function deliversOneVersionWholeWhileOthersWrite(contract: Contract): Promise<void> {
  const contentOf = new Map<Version, string>();
  const contents = [...'abcdefghijkl'].map((letter) => letter.repeat(300_000));
  let version = await contract.create('alice', contents[0] ?? '');
  contentOf.set(version, contents[0] ?? '');
  let writing = true;
  const read: { version: Version; content: string }[] = [];
  const reader = async (store: DatabaseStore): Promise<void> => {
    do {
      const path = contract.newPath();
      const found = await store.get('alice', path);
      if (found.kind !== 'found') expect.fail(`get ended as ${found.kind}`);
      read.push({ version: found.version, content: readFileSync(path, 'utf8') });
    } while (writing);
  };
  const readers = [reader(contract.store), reader(contract.other), reader(contract.other)];
  for (const content of contents.slice(1)) {
    version = await contract.update('alice', content, version);
    contentOf.set(version, content);
  }
  writing = false;
  await Promise.all(readers);
  // Compared by length and letter: a failure that prints 300,000 letters helps nobody.
  const torn = read.filter(({ version, content }) => contentOf.get(version) !== content);
  expect(torn.map(({ version, content }) => [version, content.length])).toEqual([]);
  await contract.holds('alice', { version, content: contents.at(-1) ?? '' });
}

async function showsACommitToTheOtherHandleAtOnce(contract: Contract): Promise<void> {
  expect(await contract.other.head('alice')).toBeUndefined();
  let version = await contract.create('alice', 'content 0');
  for (let index = 1; index <= 5; index++) {
    const previous = version;
    version = await contract.update('alice', `content ${index}`, version);
    expect(await contract.other.head('alice')).toMatchObject({ version });
    const path = contract.newPath();
    expect(await contract.other.get('alice', path, { ifVersionNot: previous })).toMatchObject({
      kind: 'found',
      version,
    });
    expect(readFileSync(path, 'utf8')).toBe(`content ${index}`);
    expect(await contract.other.list()).toMatchObject({ databases: [{ username: 'alice', version }] });
  }
}

async function carriesFiveMegabytesThereAndBack(contract: Contract): Promise<void> {
  // Every 32-bit word differs, so that a lost, doubled or moved piece shows.
  const content = Buffer.alloc(5 * 1024 * 1024);
  for (let word = 0; word < content.length; word += 4) content.writeUInt32BE(word, word);
  const created = await contract.put('alice', content, undefined);
  expect(created.kind).toBe('committed');
  const path = contract.newPath();
  expect(await contract.other.get('alice', path)).toMatchObject({ kind: 'found', sizeBytes: content.length });
  expect(readFileSync(path).equals(content)).toBe(true);
}

async function carriesAnEmptyFileThereAndBack(contract: Contract): Promise<void> {
  const version = await contract.create('alice', '');
  await contract.holds('alice', { version, content: '' });
}

async function takesBytesAsItTakesAFile(contract: Contract): Promise<void> {
  const put = (content: string, base?: Version): Promise<PutOutcome> => {
    const condition = base === undefined ? { kind: 'absent' as const } : { kind: 'version' as const, version: base };
    return contract.store.put('alice', Buffer.from(content), { condition, writes: [contract.newWriteId()] });
  };
  const created = committed(await put('one'));
  await contract.holds('alice', { version: created, content: 'one' });
  expect(await put('two')).toMatchObject({ kind: 'conflict', reason: 'changed' });
  expect(await put('three', await contract.update('alice', 'two', created))).toMatchObject({ kind: 'committed' });
  expect(await put('four', created)).toMatchObject({ kind: 'conflict', reason: 'changed' });
}

async function takesEveryCharacterOfAUsername(contract: Contract): Promise<void> {
  const characters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@+-';
  const usernames = [
    characters,
    'a'.repeat(128),
    '0',
    'alice@example.com',
    'a+b',
    'a..b',
    'a.anki2',
    'x-',
    'a@+-._',
    'CON',
  ];
  const versions = new Map<string, Version>();
  for (const username of usernames) versions.set(username, await contract.create(username, `of ${username}`));
  for (const [username, version] of versions) await contract.holds(username, { version, content: `of ${username}` });
  expect((await contract.listed()).sort()).toEqual([...usernames].sort());
  for (const username of usernames) await contract.store.delete(username);
  expect(await contract.listed()).toEqual([]);
}
