/** What a write is told whose request or reply was lost, on a real engine behind a proxy that loses them. */
import { describe } from 'vitest';
import { DEFAULT_RETRY_POLICY } from '../core/retry.ts';
import { ALICE, BASE, FIRST, MADE, OWN, onEngine, RENAMED, refuse } from './retrying-user-table-contract.ts';
import type { UserItem } from './user-table.ts';

const engine = onEngine();
const { table } = engine;

const ATTEMPTS = DEFAULT_RETRY_POLICY.attemptsMax;
const FOREVER = ATTEMPTS;
const THEIRS: UserItem = { ...ALICE, passwordHash: 'salt-b', createdAt: '2026-11-24T00:01', writes: ['theirs', 'new'] };

describe('a create', () => {
  table('PutItem', undefined, (users) => users.putIfAbsent(ALICE), [
    { name: 'without faults', faults: [], ends: 'created', requests: { read: 0, write: 1 }, leaves: MADE },
    {
      // It may have landed and been deleted since: resending it could restore a deleted user.
      name: 'whose request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost, and somebody deleted the user meanwhile: nobody is brought back',
      faults: [{ fault: { kind: 'lost-reply' }, meanwhile: async () => void (await engine.other.delete(MADE)) }],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost',
      faults: [{ fault: { kind: 'lost-reply' } }],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: MADE,
    },
    {
      name: 'that landed and was answered with 500',
      faults: [{ fault: { kind: 'error-after' } }],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: MADE,
    },
    {
      name: 'whose reply was lost, and somebody renamed the user meanwhile',
      faults: [
        { fault: { kind: 'lost-reply' }, meanwhile: async () => void (await engine.other.replace(MADE, RENAMED)) },
      ],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: { ...MADE, ...RENAMED },
    },
    {
      name: 'whose reply was lost, and the user set another password meanwhile',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () => void (await engine.other.replace(MADE, { passwordHash: 'salt-b', updatedAt: 'u' })),
        },
      ],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: { ...MADE, passwordHash: 'salt-b', updatedAt: 'u' },
    },
    {
      name: 'throttled twice',
      faults: [{ fault: refuse('ThrottlingException'), times: 2 }],
      ends: 'created',
      requests: { read: 0, write: 3 },
      leaves: MADE,
    },
    {
      name: 'throttled without end',
      faults: [{ fault: refuse('ProvisionedThroughputExceededException'), times: FOREVER }],
      ends: 'unavailable',
      requests: { read: 1, write: ATTEMPTS },
      leaves: undefined,
    },
    {
      name: 'in a table that is not there',
      faults: [{ fault: refuse('ResourceNotFoundException') }],
      ends: 'unavailable',
      requests: { read: 0, write: 1 },
      leaves: undefined,
    },
    {
      name: 'without the right to write',
      faults: [{ fault: refuse('AccessDeniedException') }],
      ends: 'unavailable',
      requests: { read: 0, write: 1 },
      leaves: undefined,
    },
    {
      name: 'throttled, then lost',
      faults: [{ fault: refuse('ThrottlingException') }, { fault: { kind: 'lost-request' } }],
      ends: 'unknown',
      requests: { read: 1, write: 2 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost, and nobody answers afterwards',
      faults: [{ fault: { kind: 'lost-reply' } }],
      reads: [{ fault: refuse('ThrottlingException'), times: FOREVER }],
      ends: 'unknown',
      requests: { read: ATTEMPTS, write: 1 },
      leaves: MADE,
    },
    {
      name: 'whose reply was lost, and whom eight others changed before anybody looked',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () =>
            void (await engine.other.replace(MADE, { name: 'Buried', updatedAt: 'u', writes: [...'87654321'] })),
        },
      ],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: { ...MADE, name: 'Buried', updatedAt: 'u', writes: [...'87654321'] },
    },
    {
      // The existing one may have replaced ours.
      name: 'whose request was lost, while somebody else made one',
      faults: [{ fault: { kind: 'lost-request' } }],
      reads: [{ fault: { kind: 'error-after' }, meanwhile: async () => void (await engine.other.putIfAbsent(THEIRS)) }],
      ends: 'unknown',
      requests: { read: 2, write: 1 },
      leaves: THEIRS,
    },
  ]);

  table('PutItem', THEIRS, (users) => users.putIfAbsent(ALICE), [
    {
      name: 'of a user that there is, after one look',
      faults: [],
      ends: 'exists',
      requests: { read: 1, write: 1 },
      leaves: THEIRS,
    },
    {
      name: 'of a user that there is, and the look is throttled once',
      faults: [],
      reads: [{ fault: refuse('ThrottlingException') }],
      ends: 'exists',
      requests: { read: 2, write: 1 },
      leaves: THEIRS,
    },
    {
      // A copy of its own may have caused the refusal.
      name: 'of a user that there is, and nobody answers the look',
      faults: [],
      reads: [{ fault: refuse('ThrottlingException'), times: FOREVER }],
      ends: 'unknown',
      requests: { read: ATTEMPTS, write: 1 },
      leaves: THEIRS,
    },
    {
      name: 'that was refused, and nobody is there by the look: it may have been its own',
      faults: [],
      reads: [{ fault: { kind: 'lost-reply' }, meanwhile: async () => void (await engine.other.delete(THEIRS)) }],
      ends: 'unknown',
      requests: { read: 2, write: 1 },
      leaves: undefined,
    },
    {
      name: 'that was throttled twice, of a user that there is',
      faults: [{ fault: refuse('ThrottlingException'), times: 2 }],
      ends: 'exists',
      requests: { read: 1, write: 3 },
      leaves: THEIRS,
    },
    {
      name: 'whose request was lost, of a user that there is',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: THEIRS,
    },
  ]);

  // As two concurrent imports of one row: the same hash at another moment, so that the hash proves nothing.
  const imported = { ...THEIRS, passwordHash: ALICE.passwordHash };

  table('PutItem', imported, (users) => users.putIfAbsent(ALICE), [
    {
      name: 'of whom somebody else imported from the same row',
      faults: [],
      ends: 'exists',
      requests: { read: 1, write: 1 },
      leaves: imported,
    },
    {
      name: 'of whom somebody else imported from the same row, and the request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: imported,
    },
  ]);

  // Something on the way sends each request twice, and the second answer arrives.
  table('PutItem', undefined, (users) => users.putIfAbsent(ALICE), [
    {
      name: 'repeated, and refused because of its own first copy',
      repeats: 1,
      faults: [],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: MADE,
    },
    {
      name: 'repeated, and the second copy is throttled',
      repeats: 1,
      faults: [{ fault: refuse('ThrottlingException'), after: 1 }],
      ends: 'created',
      requests: { read: 1, write: 2 },
      leaves: MADE,
    },
    {
      name: 'repeated, and throttled without end after its first copy',
      repeats: 1,
      faults: [{ fault: refuse('ThrottlingException'), after: 1, times: FOREVER }],
      ends: 'created',
      requests: { read: 1, write: ATTEMPTS },
      leaves: MADE,
    },
    {
      name: 'repeated, and the second reply is lost',
      repeats: 1,
      faults: [{ fault: { kind: 'lost-reply' }, after: 1 }],
      ends: 'created',
      requests: { read: 1, write: 1 },
      leaves: MADE,
    },
    {
      name: 'repeated, and somebody changed the account before the look',
      repeats: 1,
      faults: [{ fault: refuse('ThrottlingException'), after: 1 }],
      reads: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () => void (await engine.other.replace(MADE, { ...RENAMED, writes: ['top', OWN, 'new'] })),
        },
      ],
      ends: 'created',
      requests: { read: 2, write: 2 },
      leaves: { ...MADE, ...RENAMED, writes: ['top', OWN, 'new'] },
    },
    {
      name: 'repeated, and somebody deleted the account before the look: nobody is brought back',
      repeats: 1,
      faults: [],
      reads: [{ fault: { kind: 'lost-reply' }, meanwhile: async () => void (await engine.other.delete(MADE)) }],
      ends: 'unknown',
      requests: { read: 2, write: 1 },
      leaves: undefined,
    },
  ]);

  table('PutItem', THEIRS, (users) => users.putIfAbsent(ALICE), [
    {
      name: 'repeated, of a user that there is',
      repeats: 1,
      faults: [],
      ends: 'exists',
      requests: { read: 1, write: 1 },
      leaves: THEIRS,
    },
  ]);
});

describe('a delete', () => {
  table('DeleteItem', BASE, (users) => users.delete(BASE), [
    { name: 'without faults', faults: [], ends: 'deleted', requests: { read: 0, write: 1 }, leaves: undefined },
    {
      name: 'whose request was lost',
      faults: [{ fault: { kind: 'lost-request' } }],
      ends: 'deleted',
      requests: { read: 1, write: 2 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost',
      faults: [{ fault: { kind: 'lost-reply' } }],
      ends: 'deleted',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'whose reply was lost, and the account was made anew: the new one stays',
      faults: [{ fault: { kind: 'lost-reply' }, meanwhile: async () => void (await engine.other.putIfAbsent(THEIRS)) }],
      ends: 'deleted',
      requests: { read: 1, write: 1 },
      leaves: THEIRS,
    },
    {
      // It may be the same account, with its ids removed by another program.
      name: 'whose reply was lost, and another program made the account anew: the new one stays',
      faults: [
        {
          fault: { kind: 'lost-reply' },
          meanwhile: async () => void (await engine.other.putIfAbsent({ ...ALICE, createdAt: 'anew' })),
        },
      ],
      ends: 'unknown',
      requests: { read: 1, write: 1 },
      leaves: { ...ALICE, createdAt: 'anew' },
    },
    {
      name: 'whose request was lost, while somebody changed the account',
      faults: [{ fault: { kind: 'lost-request' } }],
      reads: [
        { fault: { kind: 'error-after' }, meanwhile: async () => void (await engine.other.replace(BASE, FIRST)) },
      ],
      ends: 'conflict',
      requests: { read: 2, write: 1 },
      leaves: { ...BASE, ...FIRST },
    },
    {
      name: 'throttled twice',
      faults: [{ fault: refuse('ThrottlingException'), times: 2 }],
      ends: 'deleted',
      requests: { read: 0, write: 3 },
      leaves: undefined,
    },
    {
      name: 'throttled without end',
      faults: [{ fault: refuse('ThrottlingException'), times: FOREVER }],
      ends: 'unavailable',
      requests: { read: 1, write: ATTEMPTS },
      leaves: BASE,
    },
    {
      name: 'whose requests are lost without end',
      faults: [{ fault: { kind: 'lost-request' }, times: FOREVER }],
      ends: 'unknown',
      requests: { read: ATTEMPTS, write: ATTEMPTS },
      leaves: BASE,
    },
  ]);

  table('DeleteItem', { ...BASE, ...FIRST }, (users) => users.delete(BASE), [
    {
      name: 'that lost to a change',
      faults: [],
      ends: 'conflict',
      requests: { read: 1, write: 1 },
      leaves: { ...BASE, ...FIRST },
    },
  ]);

  table('DeleteItem', { ...BASE, ...RENAMED }, (users) => users.delete(BASE), [
    {
      name: 'that lost to another program, which left the ids alone',
      faults: [],
      ends: 'conflict',
      requests: { read: 1, write: 1 },
      leaves: { ...BASE, ...RENAMED },
    },
  ]);

  table('DeleteItem', THEIRS, (users) => users.delete(BASE), [
    {
      name: 'of whom somebody deleted and made anew',
      faults: [],
      ends: 'deleted',
      requests: { read: 1, write: 1 },
      leaves: THEIRS,
    },
  ]);

  table('DeleteItem', undefined, (users) => users.delete(BASE), [
    {
      name: 'of whom somebody deleted',
      faults: [],
      ends: 'deleted',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
  ]);

  table('DeleteItem', ALICE, (users) => users.delete(ALICE), [
    {
      name: 'of an account without write ids',
      faults: [{ fault: { kind: 'lost-reply' } }],
      ends: 'deleted',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
  ]);

  table('DeleteItem', BASE, (users) => users.delete(BASE), [
    {
      name: 'repeated, and refused because of its own first copy',
      repeats: 1,
      faults: [],
      ends: 'deleted',
      requests: { read: 1, write: 1 },
      leaves: undefined,
    },
    {
      name: 'repeated, and the second copy is throttled',
      repeats: 1,
      faults: [{ fault: refuse('ThrottlingException'), after: 1 }],
      ends: 'deleted',
      requests: { read: 1, write: 2 },
      leaves: undefined,
    },
    {
      name: 'repeated, and throttled without end after its first copy',
      repeats: 1,
      faults: [{ fault: refuse('ThrottlingException'), after: 1, times: FOREVER }],
      ends: 'deleted',
      requests: { read: 1, write: ATTEMPTS },
      leaves: undefined,
    },
    {
      name: 'repeated, and the account was made anew before the look: the new one stays',
      repeats: 1,
      faults: [],
      reads: [{ fault: { kind: 'error-after' }, meanwhile: async () => void (await engine.other.putIfAbsent(THEIRS)) }],
      ends: 'deleted',
      requests: { read: 2, write: 1 },
      leaves: THEIRS,
    },
  ]);
});
