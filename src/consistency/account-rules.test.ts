import { describe, expect, test } from 'vitest';
import { formatAccounts, parseAccounts } from './account-history.ts';
import { type AccountAnomalyName, anomaliesOf } from './account-rules.ts';

interface Row {
  readonly name: string;
  readonly history: string;
  readonly anomalies: readonly AccountAnomalyName[];
}

/** Each impossible history, beside a possible one that differs in a word. */
const ROWS: readonly Row[] = [
  {
    name: 'a created account that is not there in the end',
    history: `
      a 1..5 alice create t1: created
      final 9..9 alice get: absent`,
    anomalies: ['impossible'],
  },
  {
    name: 'an account that was perhaps created, and is not there in the end',
    history: `
      a 1..5 alice create t1: unknown
      final 9..9 alice get: absent`,
    anomalies: [],
  },
  {
    name: 'an account that was perhaps created, and appears later',
    history: `
      a 1..5 alice create t1: unknown
      b 6..7 alice get: absent
      final 9..9 alice get: found, saw t1: t1`,
    anomalies: [],
  },
  {
    name: 'an account that was perhaps created, appears, and is gone without a deletion',
    history: `
      a 1..5 alice create t1: unknown
      b 6..7 alice get: found, saw t1: t1
      final 9..9 alice get: absent`,
    anomalies: ['impossible'],
  },
  {
    name: 'an account that is there before anybody made it',
    history: `
      b 1..2 alice get: found, saw t1: t1
      a 3..5 alice create t1: created`,
    anomalies: ['impossible'],
  },
  {
    name: 'an account that is seen while it is made',
    history: `
      b 1..4 alice get: found, saw t1: t1
      a 3..5 alice create t1: created`,
    anomalies: [],
  },
  {
    name: 'two of one name',
    history: `
      a 1..5 alice create t1: created
      b 2..6 alice create t2: created`,
    anomalies: ['impossible'],
  },
  {
    name: 'exists, and nobody was there in all that time',
    history: `
      a 1..5 alice create t1: exists
      final 9..9 alice get: absent`,
    anomalies: ['impossible'],
  },
  {
    name: 'exists, while somebody was perhaps made',
    history: `
      b 1..9 alice create t2: unknown
      a 1..5 alice create t1: exists
      final 9..9 alice get: found, saw t2: t2`,
    anomalies: [],
  },
  {
    name: 'exists, and it is the one that is there',
    history: `
      a 1..5 alice create t1: exists
      final 9..9 alice get: found, saw t1: t1`,
    anomalies: ['denied', 'impossible'],
  },
  {
    name: 'not-found, and somebody was there all the time',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice rename t2: not-found`,
    anomalies: ['impossible'],
  },
  {
    name: 'an update that is lost',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice append t2: updated, saw t1: t1
      c 6..9 alice append t3: updated, saw t1: t1`,
    anomalies: ['impossible'],
  },
  {
    name: 'two updates, one on top of the other',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice append t2: updated, saw t1: t1
      c 6..9 alice append t3: updated, saw t1: t1 t2
      final 10..10 alice get: found, saw t1: t1 t2 t3`,
    anomalies: [],
  },
  {
    name: 'an update that happened twice',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice append t2: updated, saw t1: t1 t2
      final 10..10 alice get: found, saw t1: t1 t2 t2`,
    anomalies: ['doubled', 'impossible'],
  },
  {
    name: 'an update that was unavailable and is there',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice rename t2: unavailable
      final 10..10 alice get: found, saw t1: t2`,
    anomalies: ['denied', 'impossible'],
  },
  {
    name: 'an update that nobody can tell, and that lands much later',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice rename t2: unknown
      c 9..12 alice append t3: updated, saw t1: t1
      final 20..20 alice get: found, saw t1: t2`,
    anomalies: [],
  },
  {
    name: 'an update that nobody can tell, and that lands on what it did not see',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice append t2: unknown, saw t1: t1
      c 9..12 alice append t3: updated, saw t1: t1
      final 20..20 alice get: found, saw t1: t1 t3 t2`,
    anomalies: ['impossible'],
  },
  {
    name: 'a conflict with nobody',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice append-once t2: conflict, saw t1: t1`,
    anomalies: ['impossible'],
  },
  {
    name: 'a conflict with a deletion and a new account',
    history: `
      a 1..5 alice create t1: created
      b 6..20 alice append-once t2: conflict, saw t1: t1
      c 7..8 alice delete: deleted
      c 9..12 alice create t3: created`,
    anomalies: [],
  },
  {
    name: 'an old name after a new one',
    history: `
      a 1..5 alice create t1: created
      b 6..20 alice rename t2: updated
      c 7..8 alice get: found, saw t1: t2
      c 9..12 alice get: found, saw t1: t1`,
    anomalies: ['impossible'],
  },
  {
    name: 'a deleted account that is still there',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice delete: deleted
      final 9..9 alice get: found, saw t1: t1`,
    anomalies: ['impossible'],
  },
  {
    name: 'an account that is there again after it was gone',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice delete: deleted
      c 9..10 alice get: absent
      final 11..11 alice get: found, saw t1: t1`,
    anomalies: ['resurrected', 'impossible'],
  },
  {
    name: 'two who delete one account at once',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice delete: deleted
      c 7..12 alice delete: deleted
      final 13..13 alice get: absent`,
    anomalies: [],
  },
  {
    name: 'one who deletes whom somebody else deleted before',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice delete: deleted
      c 9..12 alice delete: deleted
      final 13..13 alice get: absent`,
    anomalies: ['impossible'],
  },
  {
    name: 'one who deletes whom somebody else deleted meanwhile, and who is made anew',
    history: `
      a 1..5 alice create t1: created
      c 7..30 alice delete: deleted
      b 8..10 alice delete: deleted
      a 12..15 alice create t2: created
      final 31..31 alice get: found, saw t2: t2`,
    anomalies: [],
  },
  {
    // The deletion preceded the new account, which existed before the second delete began.
    name: 'one who deletes after the account was made anew',
    history: `
      a 1..5 alice create t1: created
      b 6..30 alice delete: deleted
      a 8..10 alice create t2: created
      c 11..25 alice delete: deleted
      final 31..31 alice get: found, saw t2: t2`,
    anomalies: ['impossible'],
  },
  {
    name: 'a delete that nobody can tell, and that lands on a later account',
    history: `
      a 1..5 alice create t1: created
      b 6..8 alice delete: unknown
      final 9..9 alice get: absent`,
    anomalies: [],
  },
  {
    name: 'users, who have nothing to do with each other',
    history: `
      a 1..5 alice create t1: created
      b 6..8 bob create t2: created
      final 9..9 alice get: found, saw t1: t1
      final 9..9 bob get: found, saw t2: t2`,
    anomalies: [],
  },
];

describe('the check of accounts', () => {
  test.each(ROWS)('of $name: $anomalies', ({ history, anomalies }) => {
    expect(anomaliesOf(parseAccounts(history)).map(({ name }) => name)).toEqual(anomalies);
  });

  test('says how far it came, and what does not fit', () => {
    const [anomaly] = anomaliesOf(
      parseAccounts(`
        a 1..5 alice create t1: created
        final 9..9 alice get: absent`),
    );
    expect(anomaly?.why.split('\n')).toEqual([
      'alice: no order explains this; the longest that begins well:',
      '  a 1..5 alice create t1: created',
      'then {"madeBy":"t1","name":"t1"} is there, and none fits of:',
      '  final 9..9 alice get: absent',
    ]);
  });
});

test('a history reads back as it was written', () => {
  const text = ROWS.map(({ history }) => history.trim().replace(/^ +/gm, '')).join('\n');
  expect(formatAccounts(parseAccounts(text))).toBe(text);
  expect(() => parseAccounts('a 1..5 alice made t1')).toThrow('this is no line of a history');
});
