import { describe, expect, test } from 'vitest';
import { ACCOUNT_DEFECTS, type AccountDefectName, seededAccountHistory } from '../testing/seeded-accounts.ts';
import { DEFECTS, type DefectName, seededHistory } from '../testing/seeded-histories.ts';
import { type AccountOperation, formatAccounts } from './account-history.ts';
import { judgeAccount } from './account-rules.ts';
import { formatHistory, type History, parseHistory } from './history.ts';
import { judge } from './judge.ts';

/**
 * Seeded histories, sound ones and ones with a single defect. `JAVUMBO_HISTORIES=10000` judges that many of each kind.
 */
const HISTORIES = Number(process.env.JAVUMBO_HISTORIES ?? 300);
const TIMEOUT_MS = 120_000 + HISTORIES * 100;

/** Judges as many histories, and returns those of the other verdict. */
function misjudged<H>({ make, judged, format }: Judged<H>, what: string, isSound: boolean): string[] {
  const wrong: string[] = [];
  let [undetermined, witnesses, largest] = [0, 0, 0];
  for (let seed = 0; seed < HISTORIES; seed++) {
    const history = make(seed);
    const judgement = judged(history);
    if (judgement.undetermined) undetermined++;
    const { anomalies } = judgement;
    if (judgement.undetermined || (anomalies.length === 0) !== isSound) {
      wrong.push(`seed ${seed}: ${anomalies.map(({ name }) => name).join()}\n${format(history)}`);
    }
    const smallest = anomalies.length === 0 ? 0 : Math.min(...anomalies.map((anomaly) => anomaly.witnesses.length));
    witnesses += smallest;
    largest = Math.max(largest, smallest);
  }
  const shown = isSound ? '' : `, ${(witnesses / HISTORIES).toFixed(1)} operations show it, ${largest} at most`;
  process.stderr.write(
    `checker: ${HISTORIES} ${what}: ${wrong.length} misjudged, ${undetermined} undetermined${shown}\n`,
  );
  return wrong;
}

interface Judged<H> {
  readonly make: (seed: number) => H;
  readonly judged: (history: H) => {
    readonly anomalies: readonly { readonly name: string; readonly witnesses: readonly unknown[] }[];
    readonly undetermined: boolean;
  };
  readonly format: (history: H) => string;
}

const databases = (defect?: DefectName): Judged<History> => ({
  make: (seed) => seededHistory(seed, defect),
  judged: judge,
  format: formatHistory,
});

const accounts = (defect?: AccountDefectName): Judged<AccountOperation[]> => ({
  make: (seed) => seededAccountHistory(seed, defect),
  judged: judgeAccount,
  format: formatAccounts,
});

describe('the checker judges seeded histories of databases:', () => {
  test(
    'each sound one is sound',
    () => {
      expect(misjudged(databases(), 'sound databases', true)[0]).toBeUndefined();
    },
    TIMEOUT_MS,
  );

  test.each(Object.keys(DEFECTS) as DefectName[])(
    'each in which %s is broken',
    (defect) => {
      expect(misjudged(databases(defect), `databases in which ${defect}`, false)[0]).toBeUndefined();
    },
    TIMEOUT_MS,
  );
});

describe('the checker judges seeded histories of accounts:', () => {
  test(
    'each sound one is sound',
    () => {
      expect(misjudged(accounts(), 'sound accounts', true)[0]).toBeUndefined();
    },
    TIMEOUT_MS,
  );

  test.each(Object.keys(ACCOUNT_DEFECTS) as AccountDefectName[])(
    'each in which %s is broken',
    (defect) => {
      expect(misjudged(accounts(defect), `accounts in which ${defect}`, false)[0]).toBeUndefined();
    },
    TIMEOUT_MS,
  );
});

test('a look that fits, and that began late, does not rule out what had to come before it', () => {
  const history = parseHistory(`
    a 1..2 create v1: committed
    b 3..10 append v2: committed, saw v1 n=0
    c 4..12 foreign-restore: unavailable, saw v1 n=0
    a 11..20 append v3: committed, saw v1 n=0
    b 15..25 delete: deleted
    final 30..31 read: absent`);
  expect(judge(history)).toEqual({ anomalies: [], undetermined: false });
});

test('an edit in doubt may have landed in an earlier run than its last, if that was overwritten by bytes put back', () => {
  const history = parseHistory(`
    a 1..2 create v1: committed
    c 4..5 append v3: committed, saw v1 n=0
    c 6..7 read: read, saw v1 v3 v2 n=0
    c 8..9 foreign-restore: committed, saw v1 n=0
    b 3..20 append v2: unknown, saw v1 n=0
    final 30..31 read: read, saw v1 n=0`);
  expect(judge(history)).toEqual({ anomalies: [], undetermined: false });
});

describe('a copy that comes after its operation ended, on bytes that another program put back,', () => {
  const LATER = Array.from(
    { length: 70 },
    (_, index) => `b ${20 + 2 * index}..${21 + 2 * index} read: read, saw v1 n=0`,
  );
  test.each([
    {
      name: 'explains a commit that is there again',
      lines: ['b 3..8 append v2: committed, saw v1 n=0', 'c 9..10 foreign-restore: committed, saw v1 n=0'],
      seen: ['v1', 'v1 v2'],
      isSound: true,
    },
    {
      name: 'explains a refused append that is there',
      lines: ['b 3..8 append v2: unavailable, saw v1 n=0', 'c 9..10 foreign-restore: committed, saw v1 n=0'],
      seen: ['v1', 'v1 v2'],
      isSound: true,
    },
    {
      name: 'explains what another late copy was built on',
      lines: [
        'b 3..4 append v2: committed, saw v1 n=0',
        'd 5..8 append v3: committed, saw v1 v2 n=0',
        'c 9..10 foreign-restore: committed, saw v1 n=0',
      ],
      seen: ['v1', 'v1 v2', 'v1 v2 v3'],
      isSound: true,
    },
    {
      name: 'explains a restore that comes again',
      lines: [
        'b 3..4 append v2: committed, saw v1 n=0',
        'c 5..6 foreign-restore: committed, saw v1 n=0',
        'd 7..8 foreign-restore: committed, saw v1 v2 n=0',
      ],
      seen: ['v1 v2', 'v1'],
      isSound: true,
    },
    {
      name: 'does not explain what comes back where nobody put anything back',
      lines: ['b 3..8 append v2: committed, saw v1 n=0', 'c 9..10 restore: committed, saw v1 n=0'],
      seen: ['v1', 'v1 v2'],
      isSound: false,
    },
    {
      name: 'does not come after so many more operations',
      lines: ['b 3..8 append v2: committed, saw v1 n=0', 'c 9..10 foreign-restore: committed, saw v1 n=0', ...LATER],
      seen: ['v1', 'v1 v2'],
      isSound: false,
    },
  ])('$name', ({ lines, seen, isSound }) => {
    const looks = seen.map(
      (values, index) => `final ${300 + 2 * index}..${301 + 2 * index} read: read, saw ${values} n=0`,
    );
    const { anomalies, undetermined } = judge(
      parseHistory(['a 1..2 create v1: committed', ...lines, ...looks].join('\n')),
    );
    expect({ isSound: anomalies.length === 0, undetermined }).toEqual({ isSound, undetermined: false });
  });
});
