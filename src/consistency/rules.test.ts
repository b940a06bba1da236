import { describe, expect, test } from 'vitest';
import { formatHistory, parseHistory } from './history.ts';
import { type AnomalyName, check, formatAnomalies } from './rules.ts';

interface Row {
  readonly name: string;
  readonly history: string;
  readonly anomalies: readonly AnomalyName[];
}

/** Each history that cannot be, beside one that differs in a word and can. */
const ROWS: readonly Row[] = [
  {
    name: 'a committed value that is not there in the end',
    history: `
      a 1..5 append v1: committed, saw n=0
      final 9..9 read: read, saw n=0`,
    anomalies: ['lost'],
  },
  {
    name: 'an unknown value that is not there in the end',
    history: `
      a 1..5 append v1: unknown, saw n=0
      final 9..9 read: read, saw n=0`,
    anomalies: [],
  },
  {
    name: 'an unknown value that is there in the end',
    history: `
      a 1..5 append v1: unknown, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'what a crash left is there in the end',
    history: `
      a 1..5 append v1: crashed
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'a committed value, and no database in the end',
    history: `
      a 1..5 create v1: committed
      final 9..9 read: absent`,
    anomalies: ['lost'],
  },
  {
    name: 'a committed value, and no database after a delete',
    history: `
      a 1..5 create v1: committed
      b 6..8 delete: deleted
      final 9..9 read: absent`,
    anomalies: [],
  },
  {
    name: 'a committed value, and no database after a delete that was over before',
    history: `
      b 1..2 delete: deleted
      a 3..5 create v1: committed
      final 9..9 read: absent`,
    anomalies: ['lost'],
  },
  {
    name: 'a committed value that is gone after another program, which does not look, was refused',
    history: `
      a 1..5 append v1: committed, saw n=0
      b 6..8 foreign-restore: unavailable, saw n=0
      final 9..9 read: read, saw n=0`,
    anomalies: [],
  },
  {
    name: 'a committed value that is gone after a restore of ours was refused',
    history: `
      a 1..5 append v1: committed, saw n=0
      b 6..8 restore: unavailable, saw n=0
      final 9..9 read: read, saw n=0`,
    anomalies: ['lost'],
  },
  {
    name: 'a committed value, and no database after a delete that was refused',
    history: `
      a 1..5 create v1: committed
      b 6..8 delete: conflict
      final 9..9 read: absent`,
    anomalies: ['lost'],
  },
  {
    name: 'a value twice',
    history: `
      a 1..5 append v1: committed, saw n=0
      final 9..9 read: read, saw v1 v1 n=0`,
    anomalies: ['doubled'],
  },
  {
    name: 'two values once each',
    history: `
      a 1..5 append v1: committed, saw n=0
      a 6..8 append v2: committed, saw v1 n=0
      final 9..9 read: read, saw v1 v2 n=0`,
    anomalies: [],
  },
  ...(['conflict', 'unavailable', 'threw', 'unchanged', 'absent'] as const).map(
    (outcome): Row => ({
      name: `a value whose append ended "${outcome}" is there in the end`,
      history: `
        a 1..5 append v1: ${outcome}
        final 9..9 read: read, saw v1 n=0`,
      anomalies: ['denied'],
    }),
  ),
  {
    name: 'a value whose append ended "conflict" is not there in the end',
    history: `
      a 1..5 append v1: conflict, saw n=0
      final 9..9 read: read, saw n=0`,
    anomalies: [],
  },
  {
    name: 'somebody saw a value that was refused',
    history: `
      a 1..5 append v1: conflict, saw n=0
      b 6..8 read: read, saw v1 n=0
      final 9..9 read: absent`,
    anomalies: ['dirty-read', 'vanished'],
  },
  {
    name: 'somebody saw a value that was committed before they were told',
    history: `
      a 1..8 append v1: committed, saw n=0
      b 2..5 read: read, saw v1 n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'what a create had made was deleted and made by another before it was told',
    history: `
      a 1..9 create v1: conflict
      b 2..3 read: read, saw v1 n=0
      b 4..5 delete: deleted
      b 6..7 create v2: committed
      final 10..10 read: read, saw v2 n=0`,
    anomalies: [],
  },
  {
    name: 'what a create had made was deleted and made by another after it was told',
    history: `
      a 1..2 create v1: conflict
      b 2..3 read: read, saw v1 n=0
      b 4..5 delete: deleted
      b 6..7 create v2: committed
      final 10..10 read: read, saw v2 n=0`,
    anomalies: ['dirty-read'],
  },
  {
    name: 'somebody saw a value that nobody wrote',
    history: `
      b 6..8 read: read, saw v1 n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: ['phantom', 'phantom'],
  },
  {
    name: 'somebody saw a value before anybody wrote it',
    history: `
      b 1..2 read: read, saw v1 n=0
      a 3..5 append v1: committed, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: ['phantom', 'vanished'],
  },
  {
    name: 'a read that asks the store misses what was acknowledged before it began',
    history: `
      a 1..5 append v1: committed, saw n=0
      b 6..8 read: read, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: ['stale-read'],
  },
  {
    name: 'a read that asks the store misses what was acknowledged while it was under way',
    history: `
      a 1..5 append v1: committed, saw n=0
      b 4..8 read: read, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'a read that may be ten milliseconds old misses what was acknowledged five before',
    history: `
      machine b cache b staleness 10
      a 1..5 append v1: committed, saw n=0
      b 10..11 read: read, saw n=0
      final 19..19 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'a read that may be ten milliseconds old misses what was acknowledged fifteen before',
    history: `
      machine b cache b staleness 10
      a 1..5 append v1: committed, saw n=0
      b 20..21 read: read, saw n=0
      final 29..29 read: read, saw v1 n=0`,
    anomalies: ['stale-read'],
  },
  {
    name: 'an edit that found nothing to do misses what was acknowledged before it began',
    history: `
      a 1..5 append v1: committed, saw n=0
      b 6..8 no-op: unchanged, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: ['stale-read'],
  },
  {
    name: 'an edit that lost a race had begun with an old copy',
    history: `
      a 1..5 append v1: committed, saw n=0
      b 6..8 append v2: conflict, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'a commit builds on a copy that was outdated before it began',
    history: `
      machine b cache b staleness 100
      a 1..5 append v1: committed, saw n=0
      b 6..8 append v2: committed, saw n=0
      final 9..9 read: read, saw v1 v2 n=0`,
    anomalies: ['stale-read'],
  },
  {
    name: 'a machine that may look at old copies does not see its own commit',
    history: `
      machine a cache a staleness 100
      a 1..5 append v1: committed, saw n=0
      a 6..8 read: read, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: ['own-write-missed'],
  },
  {
    name: 'a machine that may look at old copies does not see what another program on it committed',
    history: `
      machine a cache a staleness 100
      a 1..5 foreign v1: committed, saw n=0
      a 6..8 read: read, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'a machine that may look at old copies does not see the commit of another',
    history: `
      machine a cache a staleness 100
      b 1..5 append v1: committed, saw n=0
      a 6..8 read: read, saw n=0
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'a machine that may look at old copies does not see what it saw',
    history: `
      machine a cache a staleness 100
      b 1..5 append v1: committed, saw n=0
      a 6..8 read: read, saw v1 n=0
      a 9..10 read: read, saw n=0
      final 19..19 read: read, saw v1 n=0`,
    anomalies: ['vanished'],
  },
  {
    name: 'an edit that threw had fetched a newer copy than the cache that its machine shares',
    history: `
      machine a cache shared staleness 100
      machine c cache shared staleness 0
      b 1..5 append v1: committed, saw n=0
      a 6..8 throwing v2: threw, saw v1 n=0
      a 9..10 read: read, saw n=0
      final 19..19 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'what one machine saw another does not see later',
    history: `
      a 1..20 append v1: committed, saw n=0
      b 2..3 read: read, saw v1 n=0
      c 4..5 read: read, saw n=0
      final 29..29 read: read, saw v1 n=0`,
    anomalies: ['vanished'],
  },
  {
    name: 'what one machine saw another does not see at the same time',
    history: `
      a 1..20 append v1: committed, saw n=0
      b 2..5 read: read, saw v1 n=0
      c 4..5 read: read, saw n=0
      final 29..29 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'two reads see two orders',
    history: `
      machine c cache c staleness 100
      machine d cache d staleness 100
      a 1..20 append v1: committed, saw n=0
      b 1..20 append v2: committed, saw v1 n=0
      c 5..9 read: read, saw v1 v2 n=0
      d 6..9 read: read, saw v2 n=0
      final 29..29 read: read, saw v1 v2 n=0`,
    anomalies: ['vanished', 'forked', 'forked', 'forked'],
  },
  {
    name: 'two reads see one order, one of them not all of it',
    history: `
      machine c cache c staleness 100
      machine d cache d staleness 100
      a 1..20 append v1: committed, saw n=0
      b 1..20 append v2: committed, saw v1 n=0
      c 5..9 read: read, saw v1 v2 n=0
      d 6..9 read: read, saw v1 n=0
      final 29..29 read: read, saw v1 v2 n=0`,
    anomalies: [],
  },
  {
    name: 'two increments count on from one number',
    history: `
      a 1..5 increment: committed, saw n=0
      b 2..6 increment: committed, saw n=0
      final 9..9 read: read, saw n=2`,
    anomalies: ['lost-increment'],
  },
  {
    name: 'two increments count on from each other',
    history: `
      a 1..5 increment: committed, saw n=0
      b 2..6 increment: committed, saw n=1
      final 9..9 read: read, saw n=2`,
    anomalies: [],
  },
  {
    name: 'the counter is behind the increments',
    history: `
      a 1..5 increment: committed, saw n=0
      final 9..9 read: read, saw n=0`,
    anomalies: ['lost-increment'],
  },
  {
    name: 'the counter is where an unknown increment left it',
    history: `
      a 1..5 increment: unknown, saw n=0
      final 9..9 read: read, saw n=0`,
    anomalies: [],
  },
  {
    name: 'the counter counts an unknown increment',
    history: `
      a 1..5 increment: unknown, saw n=0
      final 9..9 read: read, saw n=1`,
    anomalies: [],
  },
  {
    name: 'the counter counts an increment that was refused',
    history: `
      a 1..5 increment: conflict, saw n=0
      final 9..9 read: read, saw n=1`,
    anomalies: ['extra-increment'],
  },
  {
    name: 'what was deleted is there again',
    history: `
      a 1..5 create v1: committed
      b 6..8 delete: deleted
      final 9..9 read: read, saw v1 n=0`,
    anomalies: ['resurrected'],
  },
  {
    name: 'what may have been deleted is there',
    history: `
      a 1..5 create v1: committed
      b 6..8 delete: unknown
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'what was still being made was deleted, and is there',
    history: `
      a 1..7 create v1: committed
      b 6..8 delete: deleted
      final 9..9 read: read, saw v1 n=0`,
    anomalies: [],
  },
  {
    name: 'a machine that may look at old copies sees what it deleted itself',
    history: `
      machine b cache b staleness 100
      a 1..5 create v1: committed
      b 6..8 delete: deleted
      b 9..9 read: read, saw v1 n=0
      final 19..19 read: absent`,
    anomalies: ['resurrected'],
  },
  {
    name: 'a machine that may look at old copies sees what another deleted',
    history: `
      machine b cache b staleness 100
      a 1..5 create v1: committed
      a 6..8 delete: deleted
      b 9..9 read: read, saw v1 n=0
      final 19..19 read: absent`,
    anomalies: [],
  },
  {
    name: 'an operation ended as none may',
    history: `
      a 1..5 read: failed
      final 9..9 read: absent`,
    anomalies: ['failed'],
  },
];

describe('the checker', () => {
  test.each(ROWS)('$name: $anomalies', ({ history, anomalies }) => {
    const found = check(parseHistory(history));
    expect(found.map(({ name }) => name).sort(), formatAnomalies(found)).toEqual([...anomalies].sort());
  });

  test('says what is wrong and which lines show it', () => {
    const found = check(
      parseHistory(`
        a 1..5 append v1: committed, saw n=0
        final 9..9 read: read, saw n=0`),
    );
    expect(formatAnomalies(found)).toBe(
      [
        'lost: v1 was committed, and is not there',
        '    a 1..5 append v1: committed, saw n=0',
        '    final 9..9 read: read, saw n=0',
      ].join('\n'),
    );
  });
});

describe('a history as text', () => {
  const text = [
    'machine m1 cache c1 staleness 0',
    'machine m2 cache c1 staleness 3600000',
    'm1 12..40 append-or-create v3: committed, saw v0 v1 n=2',
    'm2 3..41 increment: unknown',
    'm2 42..42 read: read, saw n=0',
    'final 99..99 read: read, saw v0 v1 v3 n=12',
  ].join('\n');

  test('is read as it is written', () => {
    expect(formatHistory(parseHistory(text))).toBe(text);
  });

  test('is refused where it is not one', () => {
    expect(() => parseHistory('m1 12..40 append')).toThrow('this is no line of a history: m1 12..40 append');
  });
});
