import { type AccountOperation, formatAccount } from './account-history.ts';
import { isOpen, orderOf } from './account-order.ts';
import { shortestPart } from './minimal.ts';

/**
 * - `denied`: it was reported as without effect, but what it wrote is stored.
 * - `doubled`: what it wrote is stored twice.
 * - `resurrected`: a deleted account exists again.
 * - `impossible`: no order of events explains all reports.
 */
export type AccountAnomalyName = 'denied' | 'doubled' | 'resurrected' | 'impossible';

export interface AccountAnomaly {
  readonly name: AccountAnomalyName;
  readonly why: string;
  /** The operations that contradict each other, in the order of time. */
  readonly witnesses: readonly AccountOperation[];
}

export interface AccountJudgement {
  readonly anomalies: readonly AccountAnomaly[];
  /** The search for an order was given up, and nothing else was found. */
  readonly undetermined: boolean;
}

/** Judges what happened to one account. What docs/consistency.md leaves open is left open. */
export function judgeAccount(operations: readonly AccountOperation[]): AccountJudgement {
  const closed = operations.filter((operation) => !isOpen(operation, operations));
  const found = [...denied(closed, operations), ...doubled(operations), ...resurrected(operations)];
  if (found.length > 0) return { anomalies: found, undetermined: false };
  const verdict = orderOf(operations, { leavesOpen: true });
  if (verdict.kind !== 'impossible') return { anomalies: [], undetermined: verdict.kind === 'undetermined' };
  const why = 'no order of these operations explains what was reported';
  return { anomalies: [{ name: 'impossible', why, witnesses: shortest(operations) }], undetermined: false };
}

function shortest(operations: readonly AccountOperation[]): readonly AccountOperation[] {
  return shortestPart(operations, {
    search: (part, opening, visitsMax) => orderOf(part, { leavesOpen: true, opening, visitsMax }),
    writes: ({ outcome }) => ['created', 'updated', 'deleted', 'unknown'].includes(outcome),
    inDoubt: (operation) => ({ ...operation, outcome: 'unknown' }),
    isDoubtful: ({ outcome }) => outcome === 'unknown',
    value: ({ token }) => token,
    shows: tokensSeen,
  });
}

/** Returns the anomalies in a history. The first three kinds are simple checks, the last one is the proof. */
export function anomaliesOf(operations: readonly AccountOperation[]): AccountAnomaly[] {
  const users = [...new Set(operations.map(({ user }) => user))];
  return users.flatMap((user) => {
    const own = operations.filter((operation) => operation.user === user);
    const verdict = orderOf(own);
    const impossible: AccountAnomaly[] =
      verdict.kind === 'impossible' ? [{ name: 'impossible', why: `${user}: ${verdict.why}`, witnesses: [] }] : [];
    return [...denied(own, own), ...doubled(own), ...resurrected(own), ...impossible];
  });
}

const WITHOUT_EFFECT = ['exists', 'not-found', 'conflict', 'unavailable'];

function tokensSeen({ saw }: AccountOperation): string[] {
  return saw === undefined ? [] : [...saw.name.split(' '), saw.madeBy];
}

function denied(told: readonly AccountOperation[], operations: readonly AccountOperation[]): AccountAnomaly[] {
  const shownBy = new Map<string, AccountOperation>();
  for (const operation of operations) {
    for (const token of tokensSeen(operation)) if (!shownBy.has(token)) shownBy.set(token, operation);
  }
  return told.flatMap((operation): AccountAnomaly[] => {
    const { token = '', outcome } = operation;
    const view = shownBy.get(token);
    if (view === undefined || !WITHOUT_EFFECT.includes(outcome)) return [];
    return [{ name: 'denied', why: formatAccount(operation), witnesses: [operation, view] }];
  });
}

function doubled(operations: readonly AccountOperation[]): AccountAnomaly[] {
  return operations.flatMap((operation): AccountAnomaly[] => {
    const tokens = operation.saw?.name.split(' ') ?? [];
    if (new Set(tokens).size === tokens.length) return [];
    return [{ name: 'doubled', why: formatAccount(operation), witnesses: [operation] }];
  });
}

function resurrected(operations: readonly AccountOperation[]): AccountAnomaly[] {
  return operations.flatMap((again): AccountAnomaly[] => {
    const madeBy = again.saw?.madeBy;
    if (madeBy === undefined) return [];
    const goneThen = operations.find(
      (gone) =>
        gone.end < again.start &&
        wasGone(gone, madeBy) &&
        operations.some((before) => before.end < gone.start && wasThere(before, madeBy)),
    );
    if (goneThen === undefined) return [];
    const why = `${formatAccount(again)}\n  and before: ${formatAccount(goneThen)}`;
    return [{ name: 'resurrected', why, witnesses: [goneThen, again] }];
  });
}

function wasThere({ saw, outcome, token }: AccountOperation, madeBy: string): boolean {
  return saw?.madeBy === madeBy || (outcome === 'created' && token === madeBy);
}

function wasGone({ saw, outcome, token }: AccountOperation, madeBy: string): boolean {
  if (outcome === 'found') return saw?.madeBy !== madeBy;
  if (outcome === 'created') return token !== madeBy;
  return outcome === 'absent' || outcome === 'not-found';
}
