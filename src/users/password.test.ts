import { describe, expect, test } from 'vitest';
import { PYTHON_USERS } from '../testing/accounts.ts';
import {
  acceptedPassword,
  comparisons,
  costOf,
  formsOf,
  hashPassword,
  sharedCost,
  verifyPassword,
} from './password.ts';

describe('a password that may be set', () => {
  const cases: { readonly name: string; readonly password: string; readonly refused?: RegExp }[] = [
    { name: 'eight characters', password: '12345678' },
    { name: 'seven characters', password: '1234567', refused: /fewer than 8 characters/ },
    { name: 'eight emoji, which are 16 code units and 32 bytes', password: '🎉'.repeat(8) },
    { name: 'seven emoji, which are 14 code units', password: '🎉'.repeat(7), refused: /fewer than 8/ },
    { name: '72 bytes', password: 'x'.repeat(72) },
    { name: '73 bytes', password: 'x'.repeat(73), refused: /73 bytes in UTF-8, and bcrypt reads 72/ },
    { name: '36 letters of two bytes', password: 'é'.repeat(36) },
    { name: '37 letters of two bytes', password: 'é'.repeat(37), refused: /74 bytes/ },
    { name: 'blanks around it, which are part of it', password: '  spaces ' },
    { name: 'a NUL, where other implementations stop reading', password: 'correct\0horse', refused: /NUL/ },
  ];
  test.each(cases)('$name', ({ password, refused }) => {
    const checking = (): string => acceptedPassword(password);
    if (refused === undefined) expect(checking).not.toThrow();
    else {
      expect(checking).toThrow(refused);
      expect(checking).toThrow(expect.objectContaining({ kind: 'usage', try: expect.any(String) }));
    }
  });
});

describe('a hash', () => {
  test('is bcrypt’s of cost 12, 60 characters, salted anew each time, and verifies', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const [one, two] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')]);
    clearInterval(timer);
    // Made without blocking the process.
    expect(ticks).toBeGreaterThan(0);
    expect(one).toMatch(/^\$2b\$12\$[./A-Za-z0-9]{53}$/);
    expect(one).not.toBe(two);
    expect(await verifyPassword('correct horse', one)).toBe(true);
    expect(await verifyPassword('correct horsf', one)).toBe(false);
  });

  test.each(PYTHON_USERS)('of another implementation verifies: $user.username is $valid', async (account) => {
    const { Item, password, valid } = account;
    expect(await verifyPassword(password, Item.password_hash?.S)).toBe(valid);
  });

  test.each([undefined, '', 'plain text', '$2b$12$short', '$1$md5', `$2x$12$${'a'.repeat(53)}`])(
    '%j is none, and its account is verified as one that does not exist',
    (hash) => {
      expect(hash === undefined ? undefined : costOf(hash)).toBeUndefined();
      expect(comparisons(hash)).toEqual(comparisons(undefined));
    },
  );

  test.each([
    ['$2a$', 4],
    ['$2b$', 12],
    ['$2y$', 31],
  ])('of %s has a cost from 4 to 31: %i', (prefix, cost) => {
    const digits = 'a'.repeat(53);
    expect(costOf(`${prefix}${String(cost).padStart(2, '0')}$${digits}`)).toBe(cost);
    expect(costOf(`${prefix}03$${digits}`)).toBeUndefined();
    expect(costOf(`${prefix}32$${digits}`)).toBeUndefined();
  });
});

describe('the work that an answer takes', () => {
  const digits = 'a'.repeat(53);
  const rounds = (hash: string | undefined): number =>
    comparisons(hash).reduce((sum, each) => sum + 2 ** (costOf(each) ?? 0), 0);

  test.each([
    { name: 'an unknown user', hash: undefined },
    { name: 'an account without a usable hash', hash: 'plain text' },
    { name: 'a hash of the usual cost', hash: `$2b$12$${digits}` },
    { name: 'an older hash of cost 10', hash: `$2a$10$${digits}` },
    { name: 'a hash of the lowest cost', hash: `$2y$04$${digits}` },
  ])('is 2^12 rounds for $name', ({ hash }) => {
    expect(rounds(hash)).toBe(2 ** 12);
  });

  test('is more for a hash of a higher cost, and no less', () => {
    expect(comparisons(`$2b$14$${digits}`)).toEqual([`$2b$14$${digits}`]);
  });

  test.each([undefined, `$2b$12$${digits}`, `$2a$04$${digits}`, `$2y$14$${digits}`, 'plain text'])(
    'is that of the dearest hash that was met, for every account: %j',
    (hash) => {
      const work = comparisons(hash, 14).reduce((sum, each) => sum + 2 ** (costOf(each) ?? 0), 0);
      expect(work).toBe(2 ** 14);
    },
  );

  test.each([17, 20, 31])('is bounded: a hash of cost %i authenticates nobody, and costs no more than none', (cost) => {
    expect(comparisons(`$2b$${cost}$${digits}`)).toEqual(comparisons(undefined));
  });

  test.each([
    { name: 'no account', hash: undefined, cost: 12 },
    { name: 'a cheaper hash', hash: `$2b$10$${digits}`, cost: 12 },
    { name: 'a dearer one', hash: `$2b$13$${digits}`, cost: 13 },
    { name: 'the dearest that all share', hash: `$2b$14$${digits}`, cost: 14 },
    { name: 'one that would slow down everybody', hash: `$2b$15$${digits}`, cost: 12 },
    { name: 'one that does so more', hash: `$2b$16$${digits}`, cost: 12 },
    { name: 'one that authenticates nobody', hash: `$2b$31$${digits}`, cost: 12 },
  ])('is shared by all later answers up to a bound, after $name', ({ hash, cost }) => {
    expect(sharedCost(12, hash)).toBe(cost);
    // What was met before stays.
    expect(sharedCost(14, hash)).toBe(14);
  });

  test('is its own for a hash above that bound, and still authenticates', () => {
    expect(comparisons(`$2b$16$${digits}`, 14)).toEqual([`$2b$16$${digits}`]);
  });

  test('lets nobody in by the hash of nobody', async () => {
    for (const password of ['', '.']) expect(await verifyPassword(password, undefined)).toBe(false);
    expect(await verifyPassword('correct horse', PYTHON_USERS[2]?.Item.password_hash?.S)).toBe(false);
  });
});

describe('a password in another form', () => {
  test.each([
    { name: 'composed, where the account has it composed', set: 'caf\u00e9 correct', typed: 'caf\u00e9 correct' },
    { name: 'decomposed, where the account has it composed', set: 'caf\u00e9 correct', typed: 'cafe\u0301 correct' },
    {
      name: 'composed, where an older account has it decomposed',
      set: 'cafe\u0301 correct',
      typed: 'caf\u00e9 correct',
    },
    {
      name: 'in half a form, where an older account has it so',
      set: 'e\u0301\u00e9 horses',
      typed: 'e\u0301\u00e9 horses',
    },
  ])('authenticates: $name', async ({ set, typed }) => {
    expect(await verifyPassword(typed, await hashPassword(set))).toBe(true);
    expect(await verifyPassword(`${typed}!`, await hashPassword(set))).toBe(false);
  });

  test('is set composed', () => {
    expect(acceptedPassword('cafe\u0301 correct')).toBe('caf\u00e9 correct');
  });

  test('is no other form where it has only one', () => {
    expect(formsOf('correct horse')).toEqual(['correct horse']);
  });
});

describe('a password that bcrypt does not read to its end', () => {
  test.each([
    { name: 'one of 73 bytes', set: 'x'.repeat(72), typed: 'x'.repeat(73) },
    { name: 'one with a NUL', set: 'correct', typed: 'correct\0horse' },
    { name: 'one with half of a surrogate pair', set: 'horses \ufffd', typed: 'horses \ud800' },
  ])('authenticates nobody: $name', async ({ set, typed }) => {
    expect(await verifyPassword(typed, await hashPassword(set))).toBe(false);
  });
});
