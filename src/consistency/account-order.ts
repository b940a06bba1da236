import { type AccountOperation, type AccountState, formatAccount } from './account-history.ts';

/**
 * Searches an order of one user's operations in which each does what was reported and which respects time: one that
 * ended before another began comes first (Wing and Gong's search, with a memory of visited positions).
 *
 * - `unknown` may have happened at any moment since it began, or never.
 * - `unavailable` only says that it had no effect, so it is left out.
 * - `exists`, `not-found` and `conflict` are observations too: of an account, of none, or of another state than the
 *   base.
 * - `deleted` means that the account its caller read is gone, even if someone else deleted it meanwhile.
 */
export function orderOf(operations: readonly AccountOperation[]): Verdict {
  const steps = operations
    .filter(({ outcome }) => outcome !== 'unavailable')
    .map((operation) => ({
      operation,
      // It may take effect at any time, if ever.
      end: operation.outcome === 'unknown' ? Number.POSITIVE_INFINITY : operation.end,
    }));
  return new Search(steps).run();
}

export type Verdict =
  | { readonly kind: 'ordered' }
  /** `why`: how far the search got, and what did not fit. */
  | { readonly kind: 'impossible'; readonly why: string };

interface Step {
  readonly operation: AccountOperation;
  readonly end: number;
}

interface Position {
  readonly state: AccountState | undefined;
  /** The latest possible moment of the last deletion: the earliest end of those ordered after it. */
  readonly goneUntil: number;
}

// A history of this size takes a few hundred.
const VISITS_MAX = 500_000;

class Search {
  readonly #steps: readonly Step[];
  readonly #done: boolean[];
  readonly #seen = new Set<string>();
  #longest: readonly string[] = [];
  #stuck: Position = { state: undefined, goneUntil: Number.NEGATIVE_INFINITY };
  readonly #path: string[] = [];
  #visits = 0;

  constructor(steps: readonly Step[]) {
    this.#steps = steps;
    this.#done = steps.map(() => false);
  }

  run(): Verdict {
    if (this.#completes(this.#stuck)) return { kind: 'ordered' };
    const left = this.#steps.map(({ operation }) => formatAccount(operation));
    return {
      kind: 'impossible',
      why: [
        'no order explains this; the longest that begins well:',
        ...this.#longest.map((line) => `  ${line}`),
        `then ${this.#stuck.state === undefined ? 'nobody' : JSON.stringify(this.#stuck.state)} is there, and none fits of:`,
        ...left.filter((line) => !this.#longest.includes(line)).map((line) => `  ${line}`),
      ].join('\n'),
    };
  }

  #completes(position: Position): boolean {
    if (++this.#visits > VISITS_MAX) throw new Error('the search for an order takes too long');
    const open = this.#steps.flatMap((step, index) => (this.#done[index] ? [] : [{ step, index }]));
    if (open.every(({ step }) => step.end === Number.POSITIVE_INFINITY)) return true;
    if (this.#isKnown(position)) return false;
    // Any operation that began before the first other one ended can be next.
    const firstEnd = Math.min(...open.map(({ step }) => step.end));
    const next = open.filter(({ step }) => step.operation.start <= firstEnd);
    // An observation that fits now can be ordered now: it changes nothing for the others.
    const reading = next.find(({ step }) => readsOnly(step.operation) && effects(step.operation, position).length > 0);
    for (const { step, index } of reading === undefined ? next : [reading]) {
      for (const state of effects(step.operation, position)) {
        this.#done[index] = true;
        this.#path.push(formatAccount(step.operation));
        const deletes = position.state !== undefined && state === undefined;
        const after = { state, goneUntil: deletes ? step.end : Math.min(position.goneUntil, step.end) };
        if (this.#path.length > this.#longest.length) {
          this.#longest = [...this.#path];
          this.#stuck = after;
        }
        if (this.#completes(after)) return true;
        this.#path.pop();
        this.#done[index] = false;
      }
    }
    return false;
  }

  #isKnown({ state, goneUntil }: Position): boolean {
    const key = `${this.#done.map(Number).join('')} ${state?.madeBy} ${state?.name} ${goneUntil}`;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    return false;
  }
}

function readsOnly({ outcome }: AccountOperation): boolean {
  return ['found', 'absent', 'exists', 'not-found', 'conflict'].includes(outcome);
}

/** Returns the states that an operation with this report may leave; none if it cannot be next. */
function effects(operation: AccountOperation, { state, goneUntil }: Position): (AccountState | undefined)[] {
  const { kind, outcome, token = '', saw, start } = operation;
  switch (outcome) {
    case 'found':
      return same(state, saw) ? [state] : [];
    case 'absent':
    case 'not-found':
      return state === undefined ? [state] : [];
    case 'exists':
      return state === undefined ? [] : [state];
    case 'conflict':
      return same(state, saw) ? [] : [state];
    case 'unavailable':
      return [state];
    case 'deleted':
      return [...(state === undefined ? [] : [undefined]), ...(goneUntil >= start ? [state] : [])];
    case 'created':
    case 'updated':
    case 'unknown':
      break;
  }
  if (kind === 'create') return state === undefined ? [{ madeBy: token, name: token }] : [];
  if (state === undefined) return [];
  if (kind === 'delete') return [undefined];
  if (kind === 'rename') return [{ ...state, name: token }];
  return same(state, saw) ? [{ ...state, name: `${state.name} ${token}` }] : [];
}

function same(left: AccountState | undefined, right: AccountState | undefined): boolean {
  return left?.madeBy === right?.madeBy && left?.name === right?.name;
}
