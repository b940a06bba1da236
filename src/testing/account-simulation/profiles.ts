import type { AccountOperationKind } from '../../consistency/account-history.ts';
import type { AccountFault, AccountFaultName } from '../../consistency/faulty-user-table.ts';
import type { RefusalSays } from './adapters.ts';

/** One mix of operations and faults. */
export interface AccountProfile {
  readonly name: string;
  readonly faults: readonly AccountFault[];
  /** The relative frequency of each operation. */
  readonly weights: Readonly<Partial<Record<AccountOperationKind, number>>>;
  readonly users: readonly string[];
  /** The initial accounts: none, or with or without write ids. */
  readonly startsWith: 'nobody' | 'ids' | 'no ids';
  readonly refusalSays: RefusalSays;
  readonly attemptsMax: number;
}

const fault = (
  name: AccountFaultName,
  probability: number,
  more: Pick<AccountFault, 'creates' | 'gapMs'> = {},
): AccountFault => ({ name, probability, ...more });

const CALM: AccountProfile = {
  name: 'calm',
  faults: [fault('delay', 0.3)],
  weights: { append: 5, 'append-once': 3, rename: 1, create: 4, delete: 2, get: 4 },
  users: ['alice'],
  startsWith: 'ids',
  refusalSays: 'item',
  attemptsMax: 3,
};

const NO_DELETES: AccountProfile['weights'] = { append: 5, 'append-once': 3, rename: 1, create: 2, get: 4 };

/** A seed selects one by number. None does what `ACCOUNT_BOUNDS` do. */
export const ACCOUNT_PROFILES: readonly AccountProfile[] = [
  CALM,
  { ...CALM, name: 'lost replies', faults: [fault('lost-reply', 0.35), fault('delay', 0.1)] },
  {
    ...CALM,
    name: 'made and deleted',
    faults: [fault('lost-reply', 0.5), fault('delay', 0.7)],
    weights: { create: 4, delete: 6, get: 6 },
    startsWith: 'nobody',
    attemptsMax: 4,
  },
  {
    ...CALM,
    name: 'lost requests',
    faults: [fault('lost-request', 0.3), fault('lost-reply', 0.1), fault('delay', 0.1)],
  },
  {
    ...CALM,
    name: 'late requests',
    faults: [fault('late-request', 0.45, { creates: false }), fault('lost-reply', 0.1), fault('delay', 0.1)],
  },
  {
    ...CALM,
    name: 'late creates too, and no patience',
    faults: [fault('late-request', 0.4, { creates: true }), fault('lost-reply', 0.2), fault('delay', 0.1)],
    startsWith: 'nobody',
    attemptsMax: 1,
  },
  {
    ...CALM,
    name: 'repeated requests',
    faults: [fault('repeated-request', 0.5), fault('lost-reply', 0.1), fault('delay', 0.2)],
  },
  {
    ...CALM,
    name: 'late copies',
    faults: [fault('late-copy', 0.5, { creates: false }), fault('lost-reply', 0.1), fault('delay', 0.2)],
    refusalSays: 'everything',
  },
  {
    ...CALM,
    name: 'a busy table that repeats',
    faults: [
      fault('repeated-request', 0.5, { gapMs: 60 }),
      fault('throttled', 0.3),
      fault('contended', 0.4),
      fault('delay', 0.1),
    ],
    weights: NO_DELETES,
    startsWith: 'nobody',
    refusalSays: 'nothing',
  },
  {
    ...CALM,
    name: 'a busy table, deletes, no patience',
    faults: [fault('throttled', 0.3), fault('contended', 0.4), fault('lost-reply', 0.1), fault('delay', 0.1)],
    attemptsMax: 2,
  },
  {
    ...CALM,
    name: 'another program',
    faults: [
      fault('repeated-request', 0.3),
      fault('late-request', 0.15, { creates: false }),
      fault('lost-reply', 0.2),
      fault('delay', 0.1),
    ],
    weights: { ...CALM.weights, foreign: 4 },
    startsWith: 'no ids',
  },
  {
    ...CALM,
    name: 'everything, two users',
    faults: [
      fault('lost-request', 0.1),
      fault('late-request', 0.15, { creates: false }),
      fault('repeated-request', 0.2, { creates: false }),
      fault('late-copy', 0.1, { creates: false }),
      fault('lost-reply', 0.1),
      fault('delay', 0.1),
    ],
    users: ['alice', 'bob'],
  },
];

const REPEATED = { ...CALM, weights: { create: 3, append: 4, delete: 4, get: 5 } };

/** Cases that no answer of a table reveals, so that a report is wrong. */
export const ACCOUNT_BOUNDS: readonly AccountProfile[] = [
  {
    ...REPEATED,
    name: 'a copy of a create that arrives after its account was deleted makes it anew',
    faults: [fault('late-copy', 0.6, { creates: true }), fault('delay', 0.2)],
  },
  {
    ...REPEATED,
    name: 'an account is deleted between two copies of the request that changed it',
    faults: [fault('repeated-request', 0.6, { gapMs: 100 }), fault('delay', 0.2)],
  },
  {
    ...REPEATED,
    name: 'an account is deleted between the refusal of a copy and the look, where the refusal says nothing',
    faults: [fault('repeated-request', 0.6), fault('delay', 0.5)],
    refusalSays: 'nothing',
  },
  {
    ...REPEATED,
    name: 'an account is deleted while a copy that landed is answered with a throttle',
    faults: [fault('repeated-request', 0.6), fault('throttled', 0.4), fault('delay', 0.2)],
  },
];
