import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type Contract, writeId } from './store-under-contract.ts';

export async function saysThatADatabaseIsAbsent(contract: Contract): Promise<void> {
  const destination = contract.newPath();
  expect(await contract.store.get('alice', destination)).toEqual({ kind: 'absent' });
  expect(await contract.store.get('alice', destination, { ifVersionNot: 'whatever' })).toEqual({ kind: 'absent' });
  expect(await contract.store.head('alice')).toBeUndefined();
}

export async function deliversBytesAndWhatIsKnownOfThem(contract: Contract): Promise<void> {
  const content = Buffer.from([0, 255, 10, 13, 0, 26, 128]);
  const writes = [writeId(2), writeId(1), 'new'];
  const outcome = await contract.put('alice', content, undefined, contract.store, writes);
  if (outcome.kind !== 'committed') expect.fail(`the put ended as ${outcome.kind}`);
  const destination = contract.newPath();
  const found = await contract.store.get('alice', destination);
  expect(found).toMatchObject({ kind: 'found', version: outcome.version, writes, sizeBytes: content.length });
  expect(readFileSync(destination)).toEqual(content);
  const { lastModified } = found as { lastModified: number };
  expect(Number.isInteger(lastModified) && lastModified > 0).toBe(true);
  if (outcome.lastModified !== undefined) expect(lastModified).toBe(outcome.lastModified);
  expect(found).toMatchObject({ version: expect.stringMatching(/^[!#-~]+$/) });
}

export async function replacesALongerFileAtTheDestination(contract: Contract): Promise<void> {
  await contract.create('alice', 'one');
  const destination = contract.file('a much longer file that was there before');
  expect(await contract.store.get('alice', destination)).toMatchObject({ kind: 'found' });
  expect(readFileSync(destination, 'utf8')).toBe('one');
}

export async function leavesTheDestinationAloneWhenNothingChanged(contract: Contract): Promise<void> {
  const version = await contract.create('alice', 'one');
  const stored = await contract.store.head('alice');
  const destination = contract.file('what was there');
  const result = await contract.store.get('alice', destination, { ifVersionNot: version });
  expect(result.kind).toBe('not-modified');
  expect([undefined, stored?.lastModified]).toContain((result as { lastModified?: number }).lastModified);
  expect(readFileSync(destination, 'utf8')).toBe('what was there');
}

export async function leavesNoFileWhenNothingChangedOrNothingIsThere(contract: Contract): Promise<void> {
  const version = await contract.create('alice', 'one');
  const destination = contract.newPath();
  await contract.store.get('alice', destination, { ifVersionNot: version });
  await contract.store.get('bob', destination);
  expect(() => readFileSync(destination)).toThrow('ENOENT');
}

export async function deliversWhatIsNewerThanTheNamedVersion(contract: Contract): Promise<void> {
  const one = await contract.create('alice', 'one');
  const two = await contract.update('alice', 'two', one);
  const destination = contract.newPath();
  const found = await contract.store.get('alice', destination, { ifVersionNot: one });
  expect(found).toMatchObject({ kind: 'found', version: two });
  expect(readFileSync(destination, 'utf8')).toBe('two');
}

export async function headSaysWhatGetSays(contract: Contract): Promise<void> {
  const one = await contract.create('alice', 'one');
  await contract.update('alice', 'two, which is longer', one);
  const { kind, ...stored } = (await contract.store.get('alice', contract.newPath())) as { kind: string };
  expect(kind).toBe('found');
  expect(await contract.store.head('alice')).toEqual(stored);
}

export async function keepsThirtyTwoWriteIdsInTheirOrder(contract: Contract): Promise<void> {
  const writes = Array.from({ length: 32 }, (_, index) => writeId(1000 - index));
  const outcome = await contract.put('alice', 'one', undefined, contract.store, writes);
  expect(outcome.kind).toBe('committed');
  expect((await contract.store.head('alice'))?.writes).toEqual(writes);
  expect(await contract.other.get('alice', contract.newPath())).toMatchObject({ writes });
}

export async function keepsAnEmptyListOfWriteIds(contract: Contract): Promise<void> {
  const put = contract.put('alice', 'one', undefined, contract.store, []);
  if (contract.traits.needsWriteIds === true) {
    await expect(put).rejects.toMatchObject({ name: 'JavumboError', kind: 'internal' });
    expect(await contract.store.head('alice')).toBeUndefined();
    return;
  }
  expect((await put).kind).toBe('committed');
  expect((await contract.store.head('alice'))?.writes).toEqual([]);
  expect(await contract.store.get('alice', contract.newPath())).toMatchObject({ kind: 'found', writes: [] });
}

export async function listsByTheBytesOfTheKeys(contract: Contract): Promise<void> {
  // Keys end in `.anki2`, which counts: `a.` comes behind `a+` and `a-`, and before `a@`.
  const inOrder = ['0', 'B', 'a+c', 'a-b', 'a', 'a.anki2', 'a.b', 'a0', 'a@x', 'aB', 'a_b', 'ab', 'b'];
  for (const username of [...inOrder].reverse()) await contract.create(username, `of ${username}`);
  expect(await contract.listed()).toEqual(inOrder);
}

export async function listsThoseWhoseNamesBeginSo(contract: Contract): Promise<void> {
  for (const username of ['B', 'al', 'al-b', 'al.anki2', 'al.b', 'alice', 'am', 'b'])
    await contract.create(username, '');
  for (const [prefix, expected] of [
    ['al', ['al-b', 'al', 'al.anki2', 'al.b', 'alice']],
    // The key of `al` begins so too.
    ['al.a', ['al.anki2']],
    ['al.anki2', ['al.anki2']],
    ['AL', []],
    ['', ['B', 'al-b', 'al', 'al.anki2', 'al.b', 'alice', 'am', 'b']],
    // No username begins so.
    ['%', []],
    ['_', []],
    ['ä\u0001', []],
    ['a/', []],
  ] as const) {
    expect({ prefix, listed: await contract.listed(contract.other, prefix) }).toEqual({ prefix, listed: expected });
  }
}

export async function listsNothingWhenNothingIsStored(contract: Contract): Promise<void> {
  expect(await contract.store.list()).toEqual({ databases: [], foreignKeys: 0, next: undefined });
}

export async function listsWhatHeadSays(contract: Contract): Promise<void> {
  await contract.create('alice', 'one');
  await contract.update('bob', 'two, which is longer', await contract.create('bob', 'one'));
  const { databases } = await contract.store.list();
  const heads = await Promise.all(
    ['alice', 'bob'].map(async (username) => ({ username, ...(await contract.store.head(username)) })),
  );
  expect(databases).toEqual(heads.map(({ writes: _, ...listed }) => listed));
}

export async function listsMoreDatabasesThanOnePageHolds(contract: Contract): Promise<void> {
  const usernames = Array.from({ length: 2001 }, (_, index) => `user-${String(index).padStart(4, '0')}`);
  await contract.fill([...usernames].reverse());
  expect(await contract.listed()).toEqual(usernames);
  expect(await contract.listed(contract.other)).toEqual(usernames);
  expect(await contract.listed(contract.store, 'user-1')).toEqual(usernames.slice(1000, 2000));
}
