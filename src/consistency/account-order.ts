import { type AccountOperation, type AccountState, formatAccount } from './account-history.ts';
import { ABSENT, ANYTHING, presence, type StateId, type Step, searchOrder, type Verdict } from './search.ts';

export type AccountVerdict = Pick<Verdict, 'visits'> &
  (
    | { readonly kind: 'ordered' | 'undetermined' }
    /** `why`: how far the search got, and what did not fit. */
    | { readonly kind: 'impossible'; readonly why: string }
  );

/**
 * Searches an order of one user's operations in which each does what was reported and which respects time: one that
 * ended before another began comes first.
 *
 * - `unknown` may have happened at any moment since it began, or never.
 * - `unavailable` only says that it had no effect, so it is left out.
 * - `exists`, `not-found` and `conflict` are observations too: of an account, of none, or of another state than the
 *   base.
 * - `deleted` means that the account its caller read is gone, even if someone else deleted it meanwhile.
 *
 * With `leavesOpen`, what docs/consistency.md leaves open is: see `isOpen`. `opening`: what was stored before.
 */
export function orderOf(
  operations: readonly AccountOperation[],
  { leavesOpen = false, opening, visitsMax }: AccountOrderOptions = {},
): AccountVerdict {
  const states = new AccountStates();
  const steps = operations.flatMap((operation) => {
    const open = leavesOpen && isOpen(operation, operations);
    return stepsOf(operation, states, open).map((step) => ({ operation, step }));
  });
  const verdict = searchOrder(
    steps.map(({ step }) => step),
    opening === 'anything' ? ANYTHING : ABSENT,
    visitsMax,
  );
  const placed = steps.map(({ operation }) => operation);
  const { kind, visits } = verdict;
  if (kind !== 'impossible') return { kind, visits };
  const stuck = states.stateOf(verdict.stuck);
  const ordered = new Set(verdict.order);
  return {
    kind,
    visits,
    why: [
      'no order explains this; the longest that begins well:',
      ...verdict.order.flatMap((index) => placed[index] ?? []).map((operation) => `  ${formatAccount(operation)}`),
      `then ${stuck === undefined ? 'nobody' : JSON.stringify(stuck)} is there, and none fits of:`,
      ...placed.filter((_, index) => !ordered.has(index)).map((operation) => `  ${formatAccount(operation)}`),
    ].join('\n'),
  };
}

export interface AccountOrderOptions {
  readonly leavesOpen?: boolean;
  readonly opening?: 'anything' | undefined;
  readonly visitsMax?: number | undefined;
}

/**
 * True if a refused change may have had its effect all the same: a copy of it landed, and somebody deleted the account
 * before its sender could look behind the refusal.
 */
export function isOpen(operation: AccountOperation, others: readonly AccountOperation[]): boolean {
  const { kind, outcome, start, end } = operation;
  if (kind === 'get' || kind === 'delete' || !['not-found', 'conflict', 'exists'].includes(outcome)) return false;
  return others.some(
    (other) =>
      other.kind === 'delete' &&
      ['deleted', 'unknown'].includes(other.outcome) &&
      other.start < end &&
      (other.outcome === 'unknown' || start < other.end),
  );
}

/** Gives accounts numbers, and finds the account of a number. */
class AccountStates {
  readonly #ids = new Map<string, StateId>();
  readonly #accounts: AccountState[] = [];

  idOf(account: AccountState | undefined): StateId {
    if (account === undefined) return ABSENT;
    const key = JSON.stringify([account.madeBy, account.name]);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#accounts.push(account);
    this.#ids.set(key, id);
    return id;
  }

  stateOf(id: StateId): AccountState | undefined {
    return this.#accounts[id - 1];
  }
}

function stepsOf(operation: AccountOperation, states: AccountStates, open: boolean): Step[] {
  const { start, end, outcome } = operation;
  if (open) {
    const landed = { ...operation, outcome: 'unknown', saw: undefined } as const;
    return [{ start, end, optional: true, observes: false, after: (state) => after(landed, state, states) }];
  }
  if (outcome === 'unavailable') return [];
  const optional = outcome === 'unknown';
  const step = {
    start,
    // It may take effect at any time, if ever.
    end: optional ? Number.POSITIVE_INFINITY : end,
    optional,
    observes: ['found', 'absent', 'exists', 'not-found', 'conflict'].includes(outcome),
    after: (state: StateId) => after(operation, state, states),
  };
  return outcome === 'deleted' ? [presence({ start, end }), step] : [step];
}

function after(operation: AccountOperation, state: StateId, states: AccountStates): readonly StateId[] {
  const { kind, outcome, token = '', saw } = operation;
  const fits = (holds: boolean, then = state): readonly StateId[] =>
    state === ANYTHING || holds ? [state === ANYTHING ? then : state] : [];
  switch (outcome) {
    case 'found':
      return fits(state === states.idOf(saw), states.idOf(saw));
    case 'absent':
    case 'not-found':
      return fits(state === ABSENT, ABSENT);
    case 'exists':
      return fits(state !== ABSENT);
    case 'conflict':
      return fits(state !== states.idOf(saw));
    case 'unavailable':
      return [state];
    case 'deleted':
      // It is gone, whoever removed it.
      return [ABSENT];
    case 'created':
    case 'updated':
    case 'unknown':
      break;
  }
  if (kind === 'create')
    return state === ABSENT || state === ANYTHING ? [states.idOf({ madeBy: token, name: token })] : [];
  if (state === ANYTHING) {
    if (kind === 'delete') return [ABSENT];
    // Of a name that is set, nobody knows who made the account.
    return saw === undefined ? [ANYTHING] : [states.idOf({ ...saw, name: `${saw.name} ${token}` })];
  }
  const account = states.stateOf(state);
  if (account === undefined) return [];
  if (kind === 'delete') return [ABSENT];
  if (kind === 'rename') return [states.idOf({ ...account, name: token })];
  // A client that was killed tells nobody what it saw.
  return saw === undefined || state === states.idOf(saw)
    ? [states.idOf({ ...account, name: `${account.name} ${token}` })]
    : [];
}
