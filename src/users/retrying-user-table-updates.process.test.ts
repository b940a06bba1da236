/** What an update is told whose request or reply was lost, refused or repeated; see retrying-user-table.process.test.ts. */
import { describe } from 'vitest';
import { DEFAULT_RETRY_POLICY } from '../core/retry.ts';
import { ALICE, BASE, CHANGED, FIRST, OWN, onEngine, RENAMED, refuse } from './retrying-user-table-contract.ts';
import { writtenOf } from './user-table.ts';

const engine = onEngine();
const { table } = engine;

const ATTEMPTS = DEFAULT_RETRY_POLICY.attemptsMax;
const FOREVER = ATTEMPTS;

describe('an update', () => {
  table('UpdateItem', BASE, (users) => users.replace(BASE, RENAMED), [
    { name: 'without faults', faults: [], ends: 'replaced', requests: { read: 0, write: 1 }, leaves: CHANGED },
    {
      name: 'whose request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'replaced',
      requests: { read: 1, write: 2 },
      leaves: CHANGED,
    },
    {
      name: 'whose reply was lost',
      faults: [{ fault: { kind: 'lost-reply' } }],
      ends: 'replaced',
      requests: { read: 1, write: 1 },
      leaves: CHANGED,
    },
    {
      name: 'whose reply was lost, and somebody wrote on top',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () =>
            void (await engine.other.replace(CHANGED, {
              name: 'On top',
              updatedAt: 'later',
              writes: ['top', OWN, 'first', 'new'],
            })),
        },
      ],
      ends: 'replaced',
      requests: { read: 1, write: 1 },
      leaves: { ...CHANGED, name: 'On top', updatedAt: 'later', writes: ['top', OWN, 'first', 'new'] },
    },
    {
      name: 'whose reply was lost, and another program, which leaves the ids alone, wrote on top',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () => void (await engine.other.replace(CHANGED, { name: 'On top', updatedAt: 'later' })),
        },
      ],
      ends: 'replaced',
      requests: { read: 1, write: 1 },
      leaves: { ...CHANGED, name: 'On top', updatedAt: 'later' },
    },
    {
      name: 'whose request was lost, and somebody came first',
      faults: [{ fault: { kind: 'lost-request' } }],
      reads: [
        { fault: { kind: 'error-after' }, meanwhile: async () => void (await engine.other.replace(BASE, FIRST)) },
      ],
      ends: 'conflict',
      requests: { read: 2, write: 1 },
      leaves: { ...BASE, ...FIRST },
    },
    {
      // That list says nothing of whether ours was below.
      name: 'whose request was lost, and whom eight others changed before anybody looked',
      faults: [{ fault: { kind: 'lost-request' } }],
      reads: [
        {
          fault: { kind: 'error-after' },
          meanwhile: async () => void (await engine.other.replace(BASE, { updatedAt: 'u', writes: [...'87654321'] })),
        },
      ],
      ends: 'unknown',
      requests: { read: 2, write: 1 },
      leaves: { ...BASE, updatedAt: 'u', writes: [...'87654321'] },
    },
    {
      name: 'whose reply was lost, and the user was deleted meanwhile: nobody is brought back',
      faults: [{ fault: { kind: 'lost-reply' }, meanwhile: async () => void (await engine.other.delete(CHANGED)) }],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'throttled twice',
      faults: [{ fault: refuse('ThrottlingException'), times: 2 }],
      ends: 'replaced',
      requests: { read: 0, write: 3 },
      leaves: CHANGED,
    },
    {
      name: 'throttled without end',
      faults: [{ fault: refuse('ThrottlingException'), times: FOREVER }],
      ends: 'unavailable',
      requests: { read: 1, write: ATTEMPTS },
      leaves: BASE,
    },
    {
      name: 'throttled without end, and so is the look',
      faults: [{ fault: refuse('ThrottlingException'), times: FOREVER }],
      reads: [{ fault: refuse('ThrottlingException'), times: FOREVER }],
      ends: 'unknown',
      requests: { read: ATTEMPTS, write: ATTEMPTS },
      leaves: BASE,
    },
    {
      name: 'whose requests are lost without end',
      faults: [{ fault: { kind: 'lost-request' }, times: FOREVER }],
      ends: 'unknown',
      requests: { read: ATTEMPTS, write: ATTEMPTS },
      leaves: BASE,
    },
    {
      name: 'whose request was lost, and then access is denied',
      faults: [{ fault: { kind: 'lost-request' } }, { fault: refuse('AccessDeniedException') }],
      ends: 'unknown',
      requests: { read: 1, write: 2 },
      leaves: BASE,
    },
  ]);

  table('UpdateItem', { ...BASE, ...FIRST }, (users) => users.replace(BASE, RENAMED), [
    {
      name: 'that lost to somebody else, after the read that tells a change from a deletion',
      faults: [],
      ends: 'conflict',
      requests: { read: 1, write: 1 },
      leaves: { ...BASE, ...FIRST },
    },
  ]);

  // The old client writes neither ids nor over them.
  table('UpdateItem', { ...BASE, ...RENAMED }, (users) => users.replace(BASE, RENAMED), [
    {
      name: 'that lost to another program, which made the same change and left the ids alone',
      faults: [],
      ends: 'conflict',
      requests: { read: 1, write: 1 },
      leaves: { ...BASE, ...RENAMED },
    },
    {
      name: 'that lost to another program, and whose request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'conflict',
      requests: { read: 1, write: 1 },
      leaves: { ...BASE, ...RENAMED },
    },
  ]);

  table('UpdateItem', undefined, (users) => users.replace(BASE, RENAMED), [
    {
      name: 'of whom somebody deleted',
      faults: [],
      ends: 'absent',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
  ]);
});

describe('an update of an account without write ids', () => {
  const version = writtenOf(ALICE).version;
  const changed = { ...ALICE, ...RENAMED, writes: [OWN, version] };

  table('UpdateItem', ALICE, (users) => users.replace(ALICE, RENAMED), [
    { name: 'gives it some', faults: [], ends: 'replaced', requests: { read: 0, write: 1 }, leaves: changed },
    {
      name: 'whose request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'replaced',
      requests: { read: 1, write: 2 },
      leaves: changed,
    },
    {
      name: 'whose reply was lost',
      faults: [{ fault: { kind: 'lost-reply' } }],
      ends: 'replaced',
      requests: { read: 1, write: 1 },
      leaves: changed,
    },
    {
      name: 'whose request was lost, while somebody gave it ids',
      faults: [{ fault: { kind: 'lost-request' } }],
      reads: [
        {
          fault: { kind: 'error-after' },
          meanwhile: async () =>
            void (await engine.other.replace(ALICE, { updatedAt: 'u', writes: ['theirs', version] })),
        },
      ],
      ends: 'conflict',
      requests: { read: 2, write: 1 },
      leaves: { ...ALICE, updatedAt: 'u', writes: ['theirs', version] },
    },
    {
      // Which may have removed ours.
      name: 'whose request was lost, while another program changed it',
      faults: [{ fault: { kind: 'lost-request' } }],
      reads: [
        { fault: { kind: 'error-after' }, meanwhile: async () => void (await engine.other.replace(ALICE, RENAMED)) },
      ],
      ends: 'unknown',
      requests: { read: 2, write: 1 },
      leaves: { ...ALICE, ...RENAMED },
    },
  ]);

  table('UpdateItem', { ...ALICE, name: 'Theirs' }, (users) => users.replace(ALICE, RENAMED), [
    {
      name: 'that lost to another program',
      faults: [],
      ends: 'conflict',
      requests: { read: 1, write: 1 },
      leaves: { ...ALICE, name: 'Theirs' },
    },
  ]);
});

describe('an update that something on the way sends twice', () => {
  table('UpdateItem', BASE, (users) => users.replace(BASE, RENAMED), [
    {
      name: 'and refused because of its own first copy',
      repeats: 1,
      faults: [],
      ends: 'replaced',
      requests: { read: 1, write: 1 },
      leaves: CHANGED,
    },
    {
      name: 'and the second copy is throttled',
      repeats: 1,
      faults: [{ fault: refuse('ThrottlingException'), after: 1 }],
      ends: 'replaced',
      requests: { read: 1, write: 2 },
      leaves: CHANGED,
    },
    {
      name: 'and throttled without end after its first copy',
      repeats: 1,
      faults: [{ fault: refuse('ThrottlingException'), after: 1, times: FOREVER }],
      ends: 'replaced',
      requests: { read: 1, write: ATTEMPTS },
      leaves: CHANGED,
    },
    {
      name: 'and somebody wrote on top before the look',
      repeats: 1,
      faults: [],
      reads: [
        {
          fault: { kind: 'error-after' },
          meanwhile: async () =>
            void (await engine.other.replace(CHANGED, {
              name: 'On top',
              updatedAt: 'later',
              writes: ['top', OWN, 'first'],
            })),
        },
      ],
      ends: 'replaced',
      requests: { read: 2, write: 1 },
      leaves: { ...CHANGED, name: 'On top', updatedAt: 'later', writes: ['top', OWN, 'first'] },
    },
  ]);

  table('UpdateItem', { ...BASE, ...FIRST }, (users) => users.replace(BASE, RENAMED), [
    {
      name: 'and lost to somebody else',
      repeats: 1,
      faults: [],
      ends: 'conflict',
      requests: { read: 1, write: 1 },
      leaves: { ...BASE, ...FIRST },
    },
  ]);

  const bare = { ...ALICE, ...RENAMED, writes: [OWN, writtenOf(ALICE).version] };
  table('UpdateItem', ALICE, (users) => users.replace(ALICE, RENAMED), [
    {
      name: 'of an account without write ids',
      repeats: 1,
      faults: [],
      ends: 'replaced',
      requests: { read: 1, write: 1 },
      leaves: bare,
    },
  ]);
});
