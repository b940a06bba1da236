import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LookReason } from '../core/settled-write.ts';
import type { StoredDatabase, Trace } from './database-store.ts';
import {
  type Base,
  decodeWrites,
  encodeWrites,
  type Settlement,
  seenIn,
  settle,
  settleDelete,
  writesOver,
} from './write-ids.ts';

const OURS = 'f'.repeat(32);

/** A number of other writers' ids, the newest first. */
function others(count: number): string[] {
  return Array.from({ length: count }, (_, index) => (count - index).toString(16).padStart(32, '0'));
}

/** What a store holds, as `version: ids, newest first`. Without ids: written by another program. */
function stored(text: string): StoredDatabase {
  const [version = '', writes = ''] = text.split(':').map((part) => part.trim());
  return { version, writes: writes.split(' ').filter((id) => id !== ''), sizeBytes: 1, lastModified: 1 };
}

function traceOf(current: StoredDatabase | undefined): Trace {
  return current === undefined ? { kind: 'nothing' } : { kind: 'database', ...current };
}

function tombstone(text: string): Trace {
  const { version, writes, lastModified } = stored(text);
  return { kind: 'tombstone', version, writes, lastModified, closing: false };
}

describe('the list that a put carries', () => {
  const lists: { name: string; base: Base; writes: string[] }[] = [
    { name: 'a create: its own id, and that it builds on nothing', base: undefined, writes: [OURS, 'new'] },
    { name: 'over a base with one id: its own, then that', base: stored('v1: a'), writes: [OURS, 'a'] },
    { name: "over one with several: its own, then the base's", base: stored('v1: b new'), writes: [OURS, 'b', 'new'] },
    { name: "over a base without ids: its own, then the base's version", base: stored('v1'), writes: [OURS, 'v1'] },
    { name: 'over 30 ids: 31', base: { version: 'v', writes: others(30) }, writes: [OURS, ...others(30)] },
    { name: 'over 31 ids: 32', base: { version: 'v', writes: others(31) }, writes: [OURS, ...others(31)] },
    {
      name: 'over 32 ids: 32, and the oldest is gone',
      base: { version: 'v', writes: others(32) },
      writes: [OURS, ...others(32).slice(0, 31)],
    },
    {
      name: 'over more than 32, from another program: 32',
      base: { version: 'v', writes: others(50) },
      writes: [OURS, ...others(50).slice(0, 31)],
    },
  ];
  for (const { name, base, writes } of lists) {
    test(name, () => {
      expect(writesOver(base, OURS)).toEqual(writes);
    });
  }

  test('the base is left as it was', () => {
    const base = stored('v1: b a');
    writesOver(base, OURS);
    expect(base.writes).toEqual(['b', 'a']);
  });

  test('32 ids fit into the metadata that S3 allows, whatever was written before', () => {
    const id = fc.integer({ min: 0 }).map((number) => number.toString(16).padStart(32, '0'));
    fc.assert(
      fc.property(fc.array(id, { minLength: 1, maxLength: 100 }), (ids) => {
        const writes = ids.reduce<string[]>((base, own) => writesOver({ version: 'v', writes: base }, own), []);
        const name = 'x-amz-meta-javumbowrites';
        return writes.length <= 32 && writes[0] === ids.at(-1) && (name + encodeWrites(writes)).length < 2048;
      }),
    );
  });
});

describe('the metadata value', () => {
  const values: { name: string; text: string | undefined; writes: string[] }[] = [
    { name: 'absent: no ids', text: undefined, writes: [] },
    { name: 'empty: no ids', text: '', writes: [] },
    { name: 'one id', text: 'a', writes: ['a'] },
    { name: 'several, in their order', text: 'c,b,a,new', writes: ['c', 'b', 'a', 'new'] },
    { name: 'commas with nothing between them', text: ',a,,b,', writes: ['a', 'b'] },
  ];
  for (const { name, text, writes } of values) {
    test(name, () => {
      expect(decodeWrites(text)).toEqual(writes);
    });
  }

  test('every list of ids comes back as it was', () => {
    const id = fc.stringMatching(/^[0-9a-f]{1,32}$/);
    fc.assert(
      fc.property(fc.array(id, { maxLength: 32 }), (writes) => {
        expect(decodeWrites(encodeWrites(writes))).toEqual(writes);
      }),
    );
  });

  test('is printable ASCII without spaces, as header values have to be', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[0-9a-f]{32}$/), { maxLength: 32 }), (writes) =>
        /^[!-~]*$/.test(encodeWrites(writes)),
      ),
    );
  });
});

interface Case {
  readonly name: string;
  readonly base: Base;
  readonly current: StoredDatabase | undefined;
  readonly is: Settlement;
}

describe('after a lost reply', () => {
  const cases: Case[] = [
    // Committed: our id is listed, at the top or below later writes.
    { name: 'our create is there', base: undefined, current: stored(`v1: ${OURS} new`), is: 'committed' },
    {
      name: 'our create is there below one later write',
      base: undefined,
      current: stored(`v2: a ${OURS} new`),
      is: 'committed',
    },
    { name: 'our update is there', base: stored('v1: a new'), current: stored(`v2: ${OURS} a new`), is: 'committed' },
    {
      name: 'our update is there below two later writes',
      base: stored('v1: a new'),
      current: stored(`v4: c b ${OURS} a new`),
      is: 'committed',
    },
    {
      name: 'our update is the oldest of the 32 that are listed',
      base: stored('v1: a'),
      current: { ...stored('v9'), writes: [...others(31), OURS] },
      is: 'committed',
    },
    {
      name: 'our update gave the same version as its base, for it changed no byte',
      base: stored('v1: a new'),
      current: stored(`v1: ${OURS} a new`),
      is: 'committed',
    },
    {
      name: 'our update over a base of another program is there',
      base: stored('v1'),
      current: stored(`v2: ${OURS} v1`),
      is: 'committed',
    },

    // Resend: the base is still current.
    {
      name: 'the base of an update is still current',
      base: stored('v1: a new'),
      current: stored('v1: a new'),
      is: 'resend',
    },
    {
      name: 'the base that another program wrote is still current',
      base: stored('v1'),
      current: stored('v1'),
      is: 'resend',
    },

    // Conflict: the base's newest id is listed and ours is not.
    {
      name: 'somebody else wrote on our base',
      base: stored('v1: a new'),
      current: stored('v2: b a new'),
      is: 'conflict',
    },
    {
      name: 'somebody else wrote on our base the very bytes that we sent',
      base: stored('v1: a new'),
      current: stored('same-bytes-as-ours: b a new'),
      is: 'conflict',
    },
    {
      name: 'somebody else wrote on our base and changed no byte',
      base: stored('v1: a new'),
      current: stored('v1: b a new'),
      is: 'conflict',
    },
    {
      name: 'somebody else changed it and changed it back',
      base: stored('v1: a new'),
      current: stored('v1: c b a new'),
      is: 'conflict',
    },
    {
      name: 'somebody else wrote on the base of another program',
      base: stored('v1'),
      current: stored('v2: b v1'),
      is: 'conflict',
    },
    {
      name: 'our base is the oldest of the 32 that are listed',
      base: stored('v1: a'),
      current: { ...stored('v9'), writes: [...others(31), 'a'] },
      is: 'conflict',
    },

    // Unknown: a create may have landed and been deleted since, whatever is there.
    { name: 'nothing is there, and we wanted to create', base: undefined, current: undefined, is: 'unknown' },
    { name: 'somebody else created', base: undefined, current: stored('v1: a new'), is: 'unknown' },
    {
      name: 'somebody else created, and others wrote on top',
      base: undefined,
      current: stored('v3: c b a new'),
      is: 'unknown',
    },

    // Unknown: the object is gone, or its list does not reach back to our base.
    { name: 'what we wanted to update is gone', base: stored('v1: a new'), current: undefined, is: 'unknown' },
    {
      name: 'what another program wrote and we wanted to update is gone',
      base: stored('v1'),
      current: undefined,
      is: 'unknown',
    },
    { name: 'another program wrote over it', base: stored('v1: a new'), current: stored('v2'), is: 'unknown' },
    {
      name: 'another program restored the bytes of our base, without its ids',
      base: stored('v1: a new'),
      current: stored('v1'),
      is: 'unknown',
    },
    {
      name: 'another program wrote over what another program had written',
      base: stored('v1'),
      current: stored('v2'),
      is: 'unknown',
    },
    { name: 'we wanted to create, and another program did', base: undefined, current: stored('v1'), is: 'unknown' },
    {
      name: 'more writes than the list holds came on top',
      base: stored('v1: a'),
      current: { ...stored('v9'), writes: others(32) },
      is: 'unknown',
    },
    { name: 'it was deleted and created anew', base: stored('v1: a new'), current: stored('v9: b new'), is: 'unknown' },
    {
      name: 'only an older id of our base is listed, not its newest',
      base: stored('v2: b a new'),
      current: stored('v3: c a new'),
      is: 'unknown',
    },
  ];
  for (const { name, base, current, is } of cases) {
    test(`${name}: ${is}`, () => {
      expect(settle(OURS, base, current, 'doubt')).toBe(is);
    });
  }

  test('whatever number of writers came on top of ours: committed up to 31, never a conflict, never sent again', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.integer({ min: 0, max: 60 }), (create, onTop) => {
        const base: Base = create ? undefined : { version: 'base', writes: ['a', 'new'] };
        const writes = others(onTop).reduceRight(
          (list, id) => writesOver({ version: 'v', writes: list }, id),
          writesOver(base, OURS),
        );
        const current = { ...stored('v9'), writes };
        expect(settle(OURS, base, current, 'doubt')).toBe(onTop <= 31 ? 'committed' : 'unknown');
      }),
    );
  });

  test('whatever number of writers came instead of ours: a conflict up to 31, never committed, never sent again', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.integer({ min: 1, max: 60 }), (create, instead) => {
        const base: Base = create ? undefined : { version: 'base', writes: ['a', 'new'] };
        const [first = '', ...later] = others(instead).reverse();
        const writes = later.reduce(
          (list, id) => writesOver({ version: 'v', writes: list }, id),
          writesOver(base, first),
        );
        const current = { ...stored('v9'), writes };
        expect(settle(OURS, base, current, 'doubt')).toBe(!create && instead <= 31 ? 'conflict' : 'unknown');
      }),
    );
  });
});

describe('what is there after the only copy of a put was', () => {
  const base = stored('v1: a new');
  const cases: { name: string; reason: LookReason; base: Base; seen: Trace; is: Settlement }[] = [
    {
      name: 'refused: ours, for something repeated it',
      reason: 'refusal',
      base,
      seen: traceOf(stored(`v2: ${OURS} a new`)),
      is: 'committed',
    },
    {
      name: 'refused: ours below others',
      reason: 'refusal',
      base,
      seen: traceOf(stored(`v3: b ${OURS} a new`)),
      is: 'committed',
    },
    {
      name: 'refused: the tombstone of ours',
      reason: 'refusal',
      base,
      seen: tombstone(`t: d ${OURS} a new`),
      is: 'committed',
    },
    {
      name: "refused: somebody else's on our base",
      reason: 'refusal',
      base,
      seen: traceOf(stored('v2: b a new')),
      is: 'conflict',
    },
    {
      name: "refused: another program's, without ids",
      reason: 'refusal',
      base,
      seen: traceOf(stored('v2')),
      is: 'conflict',
    },
    {
      name: 'refused: more writes than the list holds',
      reason: 'refusal',
      base,
      seen: traceOf({ ...stored('v9'), writes: others(32) }),
      is: 'conflict',
    },
    {
      name: 'refused as nothing was there: nothing',
      reason: 'absence',
      base,
      seen: traceOf(undefined),
      is: 'conflict',
    },
    {
      name: 'refused for another version: nothing any more',
      reason: 'refusal',
      base,
      seen: traceOf(undefined),
      is: 'unknown',
    },
    {
      name: 'refused: the tombstone of our base',
      reason: 'refusal',
      base,
      seen: tombstone('t: d a new'),
      is: 'conflict',
    },
    {
      name: 'refused: our base, so that sending it again can help',
      reason: 'refusal',
      base,
      seen: traceOf(base),
      is: 'resend',
    },
    {
      name: "a create, refused: somebody else's",
      reason: 'refusal',
      base: undefined,
      seen: traceOf(stored('v1: b new')),
      is: 'conflict',
    },
    {
      name: 'a create, refused: a tombstone that does not list it',
      reason: 'refusal',
      base: undefined,
      seen: tombstone('t: d a new'),
      is: 'conflict',
    },
    {
      name: 'a create, refused: nothing, so that ours may have been deleted',
      reason: 'refusal',
      base: undefined,
      seen: traceOf(undefined),
      is: 'unknown',
    },
    {
      name: 'turned away: ours, for something repeated it',
      reason: 'throttle',
      base,
      seen: traceOf(stored(`v2: ${OURS} a new`)),
      is: 'committed',
    },
    { name: 'turned away: our base', reason: 'throttle', base, seen: traceOf(base), is: 'resend' },
    {
      name: "turned away: somebody else's on our base",
      reason: 'throttle',
      base,
      seen: traceOf(stored('v2: b a new')),
      is: 'conflict',
    },
    {
      name: 'a create, turned away: nothing',
      reason: 'throttle',
      base: undefined,
      seen: traceOf(undefined),
      is: 'resend',
    },
    {
      name: 'lost over a tombstone: that tombstone',
      reason: 'doubt',
      base: stored('t: d a new'),
      seen: tombstone('t: d a new'),
      is: 'resend',
    },
    {
      name: 'lost over a tombstone: the tombstone of ours',
      reason: 'doubt',
      base: stored('t: d a new'),
      seen: tombstone(`u: e ${OURS} d a new`),
      is: 'committed',
    },
  ];
  test.each(cases)('$name: $is', ({ reason, base, seen, is }) => {
    expect(settle(OURS, base, seenIn(seen), reason)).toBe(is);
  });
});

describe('what an update finds that was refused, and was made from nothing', () => {
  const HOUR_MS = 3_600_000;
  const base = stored('v1: a new');
  test.each<{ name: string; storedAt: number; sentAt: number | undefined; is: Settlement }>([
    { name: 'long before the update was sent', storedAt: 0, sentAt: 2 * HOUR_MS, is: 'conflict' },
    { name: 'after it was sent', storedAt: 2 * HOUR_MS, sentAt: HOUR_MS, is: 'unknown' },
    { name: 'before, by less than clocks may differ', storedAt: HOUR_MS, sentAt: HOUR_MS + 1, is: 'unknown' },
    { name: 'at a moment that nobody knows', storedAt: 2 * HOUR_MS, sentAt: undefined, is: 'conflict' },
  ])('$name: $is', ({ storedAt, sentAt, is }) => {
    const seen = { ...stored('v2: b new'), lastModified: storedAt };
    const sent = sentAt === undefined ? undefined : { at: sentAt, lookedAfterMs: 0 };
    expect(settle(OURS, base, seen, 'refusal', sent)).toBe(is);
  });
});

describe('what an update finds that was refused, and does not reach back to its base', () => {
  const base = stored('v1: a new');
  test.each<{ name: string; over?: Base; writes: readonly string[]; lookedAfterMs: number; is: Settlement }>([
    { name: 'at once: the base was old', writes: others(32), lookedAfterMs: 4999, is: 'conflict' },
    { name: 'after others had time to bury it', writes: others(32), lookedAfterMs: 5000, is: 'unknown' },
    { name: 'as late, but the list is whole', writes: others(31), lookedAfterMs: 60_000, is: 'conflict' },
    { name: 'as late, but the base is listed', writes: [...others(31), 'a'], lookedAfterMs: 60_000, is: 'conflict' },
    { name: 'as late, with ours listed', writes: [...others(31), OURS], lookedAfterMs: 60_000, is: 'committed' },
    { name: 'as late, for a create', over: undefined, writes: others(32), lookedAfterMs: 60_000, is: 'conflict' },
  ])('$name: $is', ({ writes, lookedAfterMs, is, ...create }) => {
    const seen = { ...stored('v9'), writes };
    expect(settle(OURS, 'over' in create ? undefined : base, seen, 'refusal', { at: 0, lookedAfterMs })).toBe(is);
  });
});

describe('what is there after a delete was', () => {
  const base = stored('v2: b a new');
  const cases: { name: string; reason: LookReason; seen: Trace; is: Settlement | 'absent' }[] = [
    { name: 'refused: nothing', reason: 'refusal', seen: traceOf(undefined), is: 'committed' },
    { name: 'lost: nothing', reason: 'doubt', seen: traceOf(undefined), is: 'committed' },
    { name: 'lost: our tombstone', reason: 'doubt', seen: tombstone(`t: ${OURS} b a new`), is: 'committed' },
    {
      name: 'refused: what somebody made over our tombstone',
      reason: 'refusal',
      seen: traceOf(stored(`v3: c ${OURS} b a new`)),
      is: 'committed',
    },
    {
      name: 'refused: what somebody made where nothing was',
      reason: 'refusal',
      seen: traceOf(stored('v3: c new')),
      is: 'committed',
    },
    { name: "refused: somebody else's tombstone", reason: 'refusal', seen: tombstone('t: d b a new'), is: 'absent' },
    { name: "lost: somebody else's tombstone", reason: 'doubt', seen: tombstone('t: d b a new'), is: 'absent' },
    { name: 'lost: a tombstone that does not reach back', reason: 'doubt', seen: tombstone('t: d'), is: 'unknown' },
    {
      name: 'refused: what somebody wrote on that version',
      reason: 'refusal',
      seen: traceOf(stored('v3: c b a new')),
      is: 'conflict',
    },
    {
      name: 'lost: what somebody wrote on that version',
      reason: 'doubt',
      seen: traceOf(stored('v3: c b a new')),
      is: 'conflict',
    },
    { name: 'refused: what another program wrote', reason: 'refusal', seen: traceOf(stored('v3')), is: 'conflict' },
    { name: 'lost: what another program wrote', reason: 'doubt', seen: traceOf(stored('v3')), is: 'unknown' },
    { name: 'lost: that version', reason: 'doubt', seen: traceOf(base), is: 'resend' },
    { name: 'turned away: that version', reason: 'throttle', seen: traceOf(base), is: 'resend' },
  ];
  test.each(cases)('$name: $is', ({ reason, seen, is }) => {
    expect(settleDelete(OURS, base, seenIn(seen), reason)).toBe(is);
  });
});
