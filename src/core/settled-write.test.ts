import { describe, expect, test } from 'vitest';
import { systemClock } from './clock.ts';
import { JavumboError } from './failure.ts';
import { seededRandom } from './random.ts';
import { Retries } from './retry.ts';
import { type LookReason, settledWrite, type Unknown } from './settled-write.ts';

/**
 * The course of one conditional write over a scripted store: its answer to each copy of the request, and what each look
 * finds. Three attempts are allowed; nothing beyond the script may be requested.
 */

const LOST = new Error('the connection broke');
const LOST_AGAIN = new Error('the connection broke again');
const THROTTLED = new JavumboError('unavailable', 'slow down', { retryable: true, sent: true });
const THROTTLED_AGAIN = new JavumboError('unavailable', 'slow down, please', { retryable: true, sent: true });
const NOT_CONNECTED = new JavumboError('unavailable', 'nobody listens', { retryable: true });
const FORBIDDEN = new JavumboError('unavailable', 'you may not', { sent: true });
const DEFECT = new TypeError('undefined is not a function');
const BLIND = new JavumboError('unavailable', 'head failed', { retryable: true });

type Accepted = { readonly kind: 'committed' };
type Refused = { readonly kind: 'conflict'; readonly by?: 'the look' | 'absence' };
type Reply = Accepted | Refused | Unknown | Error;

const ACCEPTED: Accepted = { kind: 'committed' };
const REFUSED: Refused = { kind: 'conflict' };
const NOTHING_THERE: Refused = { kind: 'conflict', by: 'absence' };
const SEEN_REFUSED: Refused = { kind: 'conflict', by: 'the look' };
const lost = (cause = LOST): Unknown => ({ kind: 'unknown', cause });

/** What a look finds, as it is judged; an error fails the look. */
type Sight = Accepted | Refused | 'resend' | 'unknown' | Error;

interface Row {
  readonly name: string;
  readonly replies: readonly Reply[];
  readonly looks?: readonly Sight[];
  /** For each successful look. */
  readonly because?: readonly LookReason[];
  readonly callerLooks?: boolean;
  readonly ends: Accepted | Refused | 'unknown' | Error;
  /** For `unknown`: its error, or the message of a new one and its cause. */
  readonly cause?: Error | readonly [message: string, cause: Error | undefined];
}

const REPLIED: readonly Row[] = [
  { name: 'it is accepted: nobody looks', replies: [ACCEPTED], ends: ACCEPTED },
  { name: 'it is refused, and its caller looks: told as it is', replies: [REFUSED], callerLooks: true, ends: REFUSED },
  {
    name: 'it is refused, and the look finds it: a copy of it had landed',
    replies: [REFUSED],
    looks: [ACCEPTED],
    because: ['refusal'],
    ends: ACCEPTED,
  },
  {
    name: 'it is refused, and the look finds another',
    replies: [REFUSED],
    looks: [SEEN_REFUSED],
    because: ['refusal'],
    ends: SEEN_REFUSED,
  },
  {
    name: 'it is refused, and the look cannot tell',
    replies: [REFUSED],
    looks: ['unknown'],
    because: ['refusal'],
    ends: 'unknown',
    cause: ['it was refused, and what is stored now does not show why', undefined],
  },
  {
    name: 'it is refused, and the look fails',
    replies: [REFUSED],
    looks: [BLIND],
    because: [],
    ends: 'unknown',
    cause: ['it was refused, and then head failed', BLIND],
  },
  {
    name: 'it is refused, what it builds on is still there, and it is accepted when it is sent again',
    replies: [REFUSED, ACCEPTED],
    looks: ['resend'],
    because: ['refusal'],
    ends: ACCEPTED,
  },
  {
    name: 'it is always refused, and what it builds on is always there',
    replies: [REFUSED, REFUSED, REFUSED],
    looks: ['resend', 'resend', 'resend'],
    because: ['refusal', 'refusal', 'refusal'],
    ends: new JavumboError('unavailable', 'the store refuses a write over what it holds', { sent: true }),
  },
];

const NOTHING: readonly Row[] = [
  {
    name: 'its caller looks: told as it is',
    replies: [NOTHING_THERE],
    callerLooks: true,
    ends: NOTHING_THERE,
  },
  {
    name: 'the look is told so',
    replies: [NOTHING_THERE],
    looks: [SEEN_REFUSED],
    because: ['absence'],
    ends: SEEN_REFUSED,
  },
  {
    name: 'after it was lost: in doubt like any other, whoever looks otherwise',
    replies: [lost(), NOTHING_THERE],
    looks: ['resend', 'unknown'],
    because: ['doubt', 'doubt'],
    callerLooks: true,
    ends: 'unknown',
    cause: LOST,
  },
  {
    name: 'after it was turned away: a twin may have landed and been deleted, so it is looked at, whoever looks otherwise',
    replies: [THROTTLED, NOTHING_THERE],
    looks: ['unknown'],
    because: ['refusal'],
    callerLooks: true,
    ends: 'unknown',
    cause: THROTTLED,
  },
  {
    name: 'after it was turned away, and the look finds it made anew',
    replies: [THROTTLED, NOTHING_THERE],
    looks: [SEEN_REFUSED],
    because: ['refusal'],
    callerLooks: true,
    ends: SEEN_REFUSED,
  },
  {
    name: 'after nobody listened, and its caller looks: told as it is',
    replies: [NOT_CONNECTED, NOTHING_THERE],
    callerLooks: true,
    ends: NOTHING_THERE,
  },
];

const IN_DOUBT: readonly Row[] = [
  {
    name: 'it is lost, and the look finds it',
    replies: [lost()],
    looks: [ACCEPTED],
    because: ['doubt'],
    ends: ACCEPTED,
  },
  {
    name: 'it is lost, and the look finds another',
    replies: [lost()],
    looks: [SEEN_REFUSED],
    because: ['doubt'],
    ends: SEEN_REFUSED,
  },
  {
    name: 'it is lost, and the look cannot tell',
    replies: [lost()],
    looks: ['unknown'],
    because: ['doubt'],
    ends: 'unknown',
    cause: LOST,
  },
  {
    name: 'it is lost, and the look fails',
    replies: [lost()],
    looks: [BLIND],
    because: [],
    ends: 'unknown',
    cause: ['the connection broke, and then head failed', LOST],
  },
  {
    name: 'it is lost, and accepted when it is sent again',
    replies: [lost(), ACCEPTED],
    looks: ['resend'],
    because: ['doubt'],
    ends: ACCEPTED,
  },
  {
    name: 'it is always lost: the last doubt is told',
    replies: [lost(), lost(), lost(LOST_AGAIN)],
    looks: ['resend', 'resend', 'resend'],
    because: ['doubt', 'doubt', 'doubt'],
    ends: 'unknown',
    cause: LOST_AGAIN,
  },
  {
    name: 'it is lost, and refused when it is sent again: looked at, whoever looks otherwise',
    replies: [lost(), REFUSED],
    looks: ['resend', ACCEPTED],
    because: ['doubt', 'doubt'],
    callerLooks: true,
    ends: ACCEPTED,
  },
  {
    name: 'it is lost, then refused, and the look cannot tell',
    replies: [lost(), REFUSED],
    looks: ['resend', 'unknown'],
    because: ['doubt', 'doubt'],
    callerLooks: true,
    ends: 'unknown',
    cause: LOST,
  },
  {
    name: 'it is lost, and then always refused over what it builds on',
    replies: [lost(), REFUSED, REFUSED],
    looks: ['resend', 'resend', 'resend'],
    because: ['doubt', 'doubt', 'doubt'],
    ends: 'unknown',
    cause: LOST,
  },
  {
    name: 'it is lost, and then turned away until the attempts are used up: no look could settle it',
    replies: [lost(), THROTTLED, THROTTLED],
    looks: ['resend'],
    because: ['doubt'],
    ends: 'unknown',
    cause: LOST,
  },
  {
    name: 'it is lost, and then nobody listens until the attempts are used up',
    replies: [lost(), NOT_CONNECTED, NOT_CONNECTED],
    looks: ['resend'],
    because: ['doubt'],
    ends: 'unknown',
    cause: LOST,
  },
  {
    name: 'it is lost, and forbidden when it is sent again: the first copy may have landed',
    replies: [lost(), FORBIDDEN],
    looks: ['resend'],
    because: ['doubt'],
    ends: 'unknown',
    cause: LOST,
  },
  {
    name: 'it is lost, and a defect meets it when it is sent again: the first copy may have landed',
    replies: [lost(), DEFECT],
    looks: ['resend'],
    because: ['doubt'],
    ends: 'unknown',
    cause: LOST,
  },
];

const TURNED_AWAY: readonly Row[] = [
  { name: 'it is turned away once: nobody looks', replies: [THROTTLED, ACCEPTED], ends: ACCEPTED },
  { name: 'it is turned away twice: nobody looks', replies: [THROTTLED, THROTTLED, ACCEPTED], ends: ACCEPTED },
  {
    name: 'it is turned away always, and the look finds nothing of it: the failure is told',
    replies: [THROTTLED, THROTTLED, THROTTLED_AGAIN],
    looks: ['resend'],
    because: ['throttle'],
    ends: THROTTLED_AGAIN,
  },
  {
    name: 'it is turned away always, and the look finds it: a copy of it had landed',
    replies: [THROTTLED, THROTTLED, THROTTLED],
    looks: [ACCEPTED],
    because: ['throttle'],
    ends: ACCEPTED,
  },
  {
    name: 'it is turned away always, and the look fails',
    replies: [THROTTLED, THROTTLED, THROTTLED],
    looks: [BLIND],
    because: [],
    ends: 'unknown',
    cause: ['slow down, and then head failed', THROTTLED],
  },
  {
    name: 'it is turned away always, and the look cannot tell',
    replies: [THROTTLED, THROTTLED, THROTTLED],
    looks: ['unknown'],
    because: ['throttle'],
    ends: 'unknown',
    cause: THROTTLED,
  },
  {
    name: 'it is turned away, then refused, and its caller looks: told as it is',
    replies: [THROTTLED, REFUSED],
    callerLooks: true,
    ends: REFUSED,
  },
  {
    name: 'it is turned away, then refused, and the look finds it',
    replies: [THROTTLED, REFUSED],
    looks: [ACCEPTED],
    because: ['refusal'],
    ends: ACCEPTED,
  },
  {
    name: 'it is turned away, then refused, and the look fails',
    replies: [THROTTLED, REFUSED],
    looks: [BLIND],
    because: [],
    ends: 'unknown',
    cause: ['slow down, and then head failed', THROTTLED],
  },
  {
    name: 'it is turned away, then refused over what it builds on until the attempts are used up',
    replies: [THROTTLED, REFUSED, REFUSED],
    looks: ['resend', 'resend'],
    because: ['refusal', 'refusal'],
    ends: THROTTLED,
  },
  {
    name: 'it is turned away twice, and then lost, and the look finds it',
    replies: [THROTTLED, THROTTLED, lost()],
    looks: [ACCEPTED],
    because: ['doubt'],
    ends: ACCEPTED,
  },
  {
    name: 'it is turned away, and then lost, and the look cannot tell: the doubt is told',
    replies: [THROTTLED, lost()],
    looks: ['unknown'],
    because: ['doubt'],
    ends: 'unknown',
    cause: LOST,
  },
];

const NOT_SENT: readonly Row[] = [
  {
    name: 'nobody listens once: nobody looks',
    replies: [NOT_CONNECTED, ACCEPTED],
    ends: ACCEPTED,
  },
  {
    name: 'nobody ever listens: there is nothing to look for',
    replies: [NOT_CONNECTED, NOT_CONNECTED, NOT_CONNECTED],
    ends: NOT_CONNECTED,
  },
  {
    name: 'it is turned away, and then nobody listens: looked for, and nothing of it is there',
    replies: [THROTTLED, NOT_CONNECTED, NOT_CONNECTED],
    looks: ['resend'],
    because: ['throttle'],
    ends: THROTTLED,
  },
  {
    name: 'nobody listens, and then it is turned away: looked for, and there it is',
    replies: [NOT_CONNECTED, NOT_CONNECTED, THROTTLED],
    looks: [ACCEPTED],
    because: ['throttle'],
    ends: ACCEPTED,
  },
  { name: 'it is forbidden: told at once', replies: [FORBIDDEN], ends: FORBIDDEN },
  { name: 'nobody listens, and then it is forbidden', replies: [NOT_CONNECTED, FORBIDDEN], ends: FORBIDDEN },
  {
    name: 'it is turned away, and then forbidden, and the look finds it: a copy of it had landed',
    replies: [THROTTLED, FORBIDDEN],
    looks: [ACCEPTED],
    because: ['throttle'],
    ends: ACCEPTED,
  },
  { name: 'a defect meets it: told at once', replies: [DEFECT], ends: DEFECT },
];

const GROUPS: readonly (readonly [string, readonly Row[]])[] = [
  ['that is answered', REPLIED],
  ['that is refused because nothing is there', NOTHING],
  ['in doubt', IN_DOUBT],
  ['that is turned away', TURNED_AWAY],
  ['that is not sent, or must not be', NOT_SENT],
];

for (const [group, rows] of GROUPS) {
  describe(`a conditional write ${group}`, () => {
    for (const { name, replies, looks = [], because = [], callerLooks = false, ends, cause } of rows) {
      test(`${name}: ${endingOf(ends)}`, async () => {
        const script = { replies: [...replies], looks: [...looks] };
        const reasons: LookReason[] = [];
        const sleeps: number[] = [];

        const outcome = await settledWrite<Accepted | Refused, Exclude<Sight, Error>>(
          {
            send: async () => thrownOr(next(script.replies, 'send')),
            refusal: refusalOf,
            callerLooks,
            look: async () => thrownOr(next(script.looks, 'look')),
            judge: (seen, reason) => {
              reasons.push(reason);
              return seen;
            },
          },
          retriesOf(sleeps),
        ).catch((error: unknown) => error);

        expect(outcome).toEqual(ends === 'unknown' ? { kind: 'unknown', cause: errorLike(cause) } : ends);
        expect(reasons).toEqual(because);
        expect(script).toEqual({ replies: [], looks: [] });
        // One wait before each copy but the first; none before a look.
        expect(sleeps.length).toBe(replies.length - 1);
      });
    }
  });
}

test('what the judge throws is thrown', async () => {
  const write = settledWrite<Accepted | Refused, string>(
    {
      send: async () => lost(),
      refusal: refusalOf,
      callerLooks: true,
      look: async () => 'something',
      judge: () => {
        throw DEFECT;
      },
    },
    retriesOf([]),
  );
  await expect(write).rejects.toBe(DEFECT);
});

test('a listener of retries that throws changes nothing of what the write is told', async () => {
  const retries = new Retries({
    clock: { ...systemClock, sleep: async () => {} },
    random: seededRandom(1),
    onRetry: () => {
      throw DEFECT;
    },
  });
  const write = settledWrite<Accepted | Refused, string>(
    {
      send: async () => lost(),
      refusal: refusalOf,
      callerLooks: true,
      look: async () => 'nothing of it',
      judge: () => 'resend',
    },
    retries,
  );
  expect((await write).kind).toBe('unknown');
});

function endingOf(ends: Row['ends']): string {
  if (ends instanceof Error) return ends.message;
  return ends === 'unknown' ? ends : ends.kind;
}

function errorLike(cause: Row['cause']): unknown {
  if (cause === undefined || cause instanceof Error) return cause;
  const [message, before] = cause;
  return new Error(message, before === undefined ? {} : { cause: before });
}

function refusalOf(outcome: Accepted | Refused): 'refusal' | 'absence' | undefined {
  if (outcome.kind !== 'conflict') return undefined;
  return outcome.by === 'absence' ? 'absence' : 'refusal';
}

function retriesOf(sleeps: number[]): Retries {
  const clock = { ...systemClock, sleep: async (milliseconds: number) => void sleeps.push(milliseconds) };
  return new Retries({
    clock,
    random: seededRandom(1),
    policy: { attemptsMax: 3, backoffMs: 100, backoffMaxMs: 1_000 },
  });
}

function next<T>(script: T[], call: string): T {
  if (script.length === 0) throw new Error(`a ${call} that is not in the script`);
  return script.shift() as T;
}

function thrownOr<T>(reply: T): Exclude<T, Error> {
  if (reply instanceof Error) throw reply;
  return reply as Exclude<T, Error>;
}
