import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { keyOf } from '../core/username.ts';
import { DELETE_BATCH_MAX, listAll, type ObjectVersions } from './object-versions.ts';

/** A store with nothing in it, made for one test. */
export interface ObjectsUnderTest {
  readonly objects: ObjectVersions;
  /** Stores a small object without the port. */
  put(key: string, text: string): Promise<void>;
  /** Deletes without the port, as any program does: a versioned store keeps a marker. */
  delete(key: string): Promise<void>;
  cleanup(): Promise<void> | void;
}

export interface ObjectTraits {
  readonly versions: boolean;
  /** False: a plain delete removes whatever is stored by then, as on Ceph. */
  readonly compares: boolean;
}

/** Runs the contract of object-versions.ts against one implementation. */
export function describeObjectVersions(
  name: string,
  open: () => Promise<ObjectsUnderTest>,
  { versions, compares }: ObjectTraits,
): void {
  describe(name, () => {
    let under: ObjectsUnderTest;

    beforeEach(async () => {
      under = await open();
    });

    afterEach(() => under.cleanup());

    const keys = async (prefix: string, all = true): Promise<string[]> =>
      (await listAll(under.objects, prefix, all)).map(({ key, kind }) => `${key} ${kind}`);

    test('lists what is under the prefix, byte by byte and in the order of keys, and nothing else', async () => {
      for (const username of ['b-2', 'b-1', 'a', 'B-3', 'b', 'c', 'b-10']) await under.put(keyOf(username), username);
      const expected = ['b-1', 'b-10', 'b-2'].map((username) => `${keyOf(username)} object`);
      for (const all of [true, false]) expect(await keys('user_dbs/b-', all)).toEqual(expected);
      expect(await keys('user_dbs/b-1.')).toEqual([`${keyOf('b-1')} object`]);
      expect(await keys('user_dbs/d')).toEqual([]);
      expect(await keys('')).toHaveLength(7);
    });

    test('says size and time of an object', async () => {
      const before = Date.now();
      await under.put(keyOf('a'), 'four');
      const [found] = await listAll(under.objects, keyOf('a'), true);
      expect(found).toMatchObject({ key: keyOf('a'), kind: 'object', sizeBytes: 4 });
      expect(Math.abs((found?.lastModified ?? 0) - before)).toBeLessThan(10 * 60_000);
    });

    test('what was listed with versions is gone for good, and what is elsewhere stays', async () => {
      for (const text of ['one', 'two', 'three']) await under.put(keyOf('a-1'), text);
      await under.put(keyOf('a-2'), 'gone');
      await under.delete(keyOf('a-2'));
      await under.put(keyOf('b'), 'stays');
      const listed = await listAll(under.objects, 'user_dbs/a-', true);
      const kinds = listed.map(({ key, kind }) => `${key} ${kind}`);
      expect([...kinds].sort()).toEqual(
        [
          `${keyOf('a-1')} object`,
          ...(versions
            ? [
                `${keyOf('a-1')} old-version`,
                `${keyOf('a-1')} old-version`,
                `${keyOf('a-2')} delete-marker`,
                `${keyOf('a-2')} old-version`,
              ]
            : []),
        ].sort(),
      );
      expect(await under.objects.delete(listed)).toEqual([]);
      expect(await keys('user_dbs/a-')).toEqual([]);
      expect(await keys('')).toEqual([`${keyOf('b')} object`]);
    });

    test('a plain delete takes the current object and leaves what lies beneath', async () => {
      await under.put(keyOf('a'), 'one');
      await under.put(keyOf('a'), 'two');
      expect(await under.objects.delete(await listAll(under.objects, keyOf('a'), false))).toEqual([]);
      expect(await keys(keyOf('a'), false)).toEqual([]);
      expect((await keys(keyOf('a'))).sort()).toEqual(
        versions ? [`${keyOf('a')} delete-marker`, `${keyOf('a')} old-version`, `${keyOf('a')} old-version`] : [],
      );
    });

    test('deleting twice is no failure', async () => {
      await under.put(keyOf('a'), 'one');
      const listed = await listAll(under.objects, keyOf('a'), true);
      expect(await under.objects.delete(listed)).toEqual([]);
      expect(await under.objects.delete(listed)).toEqual([]);
      expect(await keys('')).toEqual([]);
    });

    test('what was changed after it was listed is kept where the store can compare', async () => {
      await under.put(keyOf('a'), 'one');
      const listed = await listAll(under.objects, keyOf('a'), false);
      await under.put(keyOf('a'), 'two');
      const failures = await under.objects.delete(listed);
      expect(failures.map(({ object, reason }) => `${object.key}: ${reason}`)).toEqual(
        compares ? [`${keyOf('a')}: it was changed after it was listed`] : [],
      );
      expect(await keys('', false)).toEqual(compares ? [`${keyOf('a')} object`] : []);
    });

    // Without versions the stored one is called `null`, whichever it is.
    if (versions) {
      test('a version that is listed by its id goes, and a newer one stays', async () => {
        await under.put(keyOf('a'), 'one');
        const listed = await listAll(under.objects, keyOf('a'), true);
        await under.put(keyOf('a'), 'two');
        expect(await under.objects.delete(listed)).toEqual([]);
        expect(await keys('')).toEqual([`${keyOf('a')} object`]);
      });
    }

    test('nothing to delete is no request that fails', async () => {
      expect(await under.objects.delete([])).toEqual([]);
    });
  });
}

/** Lists everything and deletes it in batches, as clean-up does. Returns the count. */
export async function deleteAll(objects: ObjectVersions, prefix: string): Promise<number> {
  const listed = await listAll(objects, prefix, true);
  for (let from = 0; from < listed.length; from += DELETE_BATCH_MAX) {
    expect(await objects.delete(listed.slice(from, from + DELETE_BATCH_MAX))).toEqual([]);
  }
  return listed.length;
}
