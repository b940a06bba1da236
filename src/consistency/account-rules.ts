import { type AccountOperation, formatAccount } from './account-history.ts';
import { orderOf } from './account-order.ts';

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
}

/** Returns the anomalies in a history. The first three kinds are simple checks, the last one is the proof. */
export function anomaliesOf(operations: readonly AccountOperation[]): AccountAnomaly[] {
  const users = [...new Set(operations.map(({ user }) => user))];
  return users.flatMap((user) => {
    const own = operations.filter((operation) => operation.user === user);
    const verdict = orderOf(own);
    const impossible: AccountAnomaly[] =
      verdict.kind === 'impossible' ? [{ name: 'impossible', why: `${user}: ${verdict.why}` }] : [];
    return [...denied(own), ...doubled(own), ...resurrected(own), ...impossible];
  });
}

const WITHOUT_EFFECT = ['exists', 'not-found', 'conflict', 'unavailable'];

function tokensSeen({ saw }: AccountOperation): string[] {
  return saw === undefined ? [] : [...saw.name.split(' '), saw.madeBy];
}

function denied(operations: readonly AccountOperation[]): AccountAnomaly[] {
  const seen = new Set(operations.flatMap(tokensSeen));
  return operations
    .filter(({ token, outcome }) => token !== undefined && WITHOUT_EFFECT.includes(outcome) && seen.has(token))
    .map((operation) => ({ name: 'denied', why: formatAccount(operation) }));
}

function doubled(operations: readonly AccountOperation[]): AccountAnomaly[] {
  return operations.flatMap((operation) => {
    const tokens = operation.saw?.name.split(' ') ?? [];
    return new Set(tokens).size === tokens.length ? [] : [{ name: 'doubled', why: formatAccount(operation) }];
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
    return [{ name: 'resurrected', why: `${formatAccount(again)}\n  and before: ${formatAccount(goneThen)}` }];
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
