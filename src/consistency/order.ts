import { Bounds, takesLateCopy } from './bounds.ts';
import { type History, isRestore, type Operation, type State } from './history.ts';
import { ABSENT, ANYTHING, presence, type StateId, type Step, searchOrder, type Verdict } from './search.ts';
import { StateIds } from './state-ids.ts';

const EMPTY: State = { values: [], count: 0 };

/** A step, and the operation behind it. */
interface Placed {
  readonly operation: Operation;
  readonly step: Step;
}

/** A verdict about the operations of a history; `order` and `left` are those that it needs to place. */
export type OrderVerdict = Pick<Verdict, 'visits'> &
  (
    | { readonly kind: 'ordered' | 'undetermined' }
    | { readonly kind: 'impossible'; readonly order: readonly Operation[]; readonly left: readonly Operation[] }
  );

/**
 * Searches an order of the operations on one database that explains all reports: an append follows exactly the state that
 * it saw, and a look shows the state of its place. What is in doubt may have happened at any moment since it began, or
 * never. A look within a staleness may be that much older. `opening`: what was stored before; by default nothing, or a
 * database without values.
 */
export function orderOf(history: History, opening?: 'anything', visitsMax?: number): OrderVerdict {
  const placed = stepsOf(history);
  const verdict = searchFrom(placed, opening, visitsMax);
  const { kind, visits } = verdict;
  if (kind !== 'impossible') return { kind, visits };
  const done = new Set(verdict.order);
  return {
    kind,
    visits,
    order: verdict.order.flatMap((index) => placed.steps[index]?.operation ?? []),
    left: placed.steps.flatMap(({ operation, step }, index) => (done.has(index) || step.optional ? [] : [operation])),
  };
}

function searchFrom(
  { steps, empty }: ReturnType<typeof stepsOf>,
  opening: 'anything' | undefined,
  visitsMax: number | undefined,
): Verdict {
  const all = steps.map(({ step }) => step);
  if (opening === 'anything') return searchOrder(all, ANYTHING, visitsMax);
  const absent = searchOrder(all, ABSENT, visitsMax);
  if (absent.kind !== 'impossible') return absent;
  const other = searchOrder(all, empty, visitsMax);
  const visits = absent.visits + other.visits;
  const isNearer = other.kind === 'impossible' && other.order.length < absent.order.length;
  return { ...(isNearer ? absent : other), visits };
}

function stepsOf({ machines, operations }: History): { readonly steps: readonly Placed[]; readonly empty: StateId } {
  const ids = new StateIds();
  const idOf = (state: State): StateId => ids.idOf(state);
  const staleness = new Map(machines.map(({ name, stalenessMs }) => [name, stalenessMs]));
  const seen = seenIn(operations);
  const bounds = new Bounds(operations);
  const steps: Placed[] = [];
  for (const operation of operations) {
    const stalenessMs = ['read', 'unchanged', 'threw'].includes(operation.outcome)
      ? (staleness.get(operation.machine) ?? 0)
      : 0;
    const parts = { operation, idOf, seen, stalenessMs };
    const recurs = bounds.mayRecur(operation);
    // Not only its last run may have landed: what an earlier one left may have been overwritten.
    const isVague = recurs && ['unknown', 'crashed'].includes(operation.outcome);
    const step = stepOf(isVague ? { ...parts, operation: undated(operation) } : parts);
    // It saw what it deleted.
    if (operation.outcome === 'deleted') steps.push({ operation, step: presence(operation) });
    const place = step === undefined ? undefined : steps.push({ operation, step }) - 1;
    if (step?.observes === true) continue;
    const isRefused = ['conflict', 'unavailable', 'absent'].includes(operation.outcome);
    if (step === undefined && !isRefused) continue;
    if (step === undefined ? bounds.isBeyondProof(operation) : recurs) {
      const again = stepOf({ ...parts, operation: undated(operation) });
      if (again !== undefined) steps.push({ operation, step: until(operation.end, again) });
    }
    const late = lateStepOf(parts, bounds, place);
    if (late !== undefined) steps.push({ operation, step: late });
  }
  return { steps, empty: idOf(EMPTY) };
}

/**
 * Returns the step of a copy that comes after its operation ended, on bytes that another program has put back, or on what
 * another late copy made of them. `place`: that of the step which had the effect first.
 */
function lateStepOf(parts: Parts, bounds: Bounds, place: number | undefined): Step | undefined {
  const restored = bounds.restoresMetBy(parts.operation).flatMap(({ saw }) => saw ?? []);
  const after = restored.length === 0 ? undefined : lateAfterOf(parts, restored);
  if (after === undefined) return undefined;
  return {
    start: parts.operation.end,
    end: bounds.latestOf(parts.operation),
    optional: true,
    observes: false,
    after,
    ...(place === undefined ? {} : { follows: place }),
  };
}

function lateAfterOf({ operation, idOf, seen }: Parts, restored: readonly State[]): Step['after'] | undefined {
  const { kind, value, saw } = operation;
  switch (kind) {
    case 'create':
      return undefined;
    case 'increment': {
      const from = [...restored, ...(saw === undefined ? [] : [saw])];
      return moves(
        from.map((state) => [state, { ...state, count: state.count + 1 }]),
        idOf,
        false,
      );
    }
    case 'delete':
    case 'restore':
    case 'foreign-restore': {
      if (kind !== 'delete' && saw === undefined) return undefined;
      const to = kind === 'delete' || saw === undefined ? ABSENT : idOf(saw);
      const from = new Set(restored.map(idOf));
      return (state) => (state !== to && (state === ANYTHING || from.has(state)) ? [to] : []);
    }
    default: {
      // What nobody saw changes nothing for anybody: the next bytes that are put back replace it.
      const shown = value === undefined ? [] : (seen.states.get(value) ?? []).flatMap(withLowerCounts);
      if (value === undefined || shown.length === 0) return undefined;
      const from = shown
        .map((state) => before(state, value))
        .filter((state) => restored.some((old) => takesLateCopy(state, old)));
      return moves(
        from.map((state) => [state, { ...state, values: [...state.values, value] }]),
        idOf,
        false,
      );
    }
  }
}

/** Returns the operation as one that may have landed: with which attempt, and so on what state, is not known. */
function undated(operation: Operation): Operation {
  return { ...operation, outcome: 'unknown', ...(isRestore(operation) ? {} : { saw: undefined }) };
}

interface Parts {
  readonly operation: Operation;
  readonly idOf: (state: State) => StateId;
  readonly seen: Seen;
  readonly stalenessMs: number;
}

/**
 * Returns undefined for an operation that says nothing about what was stored. A refusal says nothing: where a delete leaves
 * a tombstone, a create may be refused for what is no database.
 */
function stepOf(parts: Parts): Step | undefined {
  const { operation, idOf } = parts;
  const { outcome, saw } = operation;
  switch (outcome) {
    case 'read':
    case 'unchanged':
    case 'threw':
      return saw === undefined ? undefined : look(parts, idOf(saw));
    case 'absent':
      return look(parts, ABSENT);
    case 'committed':
    case 'deleted':
    case 'unknown':
    case 'crashed':
      return change(parts);
    default:
      return undefined;
  }
}

function look({ operation: { start, end }, stalenessMs }: Parts, found: StateId): Step {
  return {
    start: start - stalenessMs,
    end,
    optional: false,
    observes: true,
    after: (state) => (state === ANYTHING || state === found ? [found] : []),
  };
}

function change(parts: Parts): Step | undefined {
  const { operation, seen } = parts;
  const { start, end, kind, outcome, value } = operation;
  const isCertain = outcome === 'committed' || outcome === 'deleted';
  // What others saw of a write that is in doubt did happen, before they looked.
  const shownAt = value === undefined ? undefined : seen.firstEnd.get(value);
  // What nobody ever saw can be left out, unless it made something that somebody else may have deleted.
  const creates = kind === 'create' || kind === 'append-or-create';
  if (!isCertain && value !== undefined && !seen.states.has(value) && !creates) return undefined;
  const after = afterOf(parts);
  if (after === undefined) return undefined;
  const latest = isCertain ? end : (shownAt ?? Number.POSITIVE_INFINITY);
  const anywhere = kind === 'delete' || isRestore(operation);
  return { start, end: latest, optional: latest === Number.POSITIVE_INFINITY, observes: false, anywhere, after };
}

function afterOf({ operation, idOf, seen }: Parts): Step['after'] | undefined {
  const { kind, value, saw } = operation;
  switch (kind) {
    case 'create': {
      const made = idOf({ values: value === undefined ? [] : [value], count: 0 });
      return (state) => (state === ABSENT || state === ANYTHING ? [made] : []);
    }
    case 'delete':
      // It is gone, whoever removed it.
      return () => [ABSENT];
    case 'restore':
    case 'foreign-restore': {
      if (saw === undefined) return undefined;
      const restored = idOf(saw);
      return (state) => (kind === 'foreign-restore' && state === ABSENT ? [] : [restored]);
    }
    case 'increment': {
      const from = saw === undefined ? seen.all().flatMap(withLowerCounts) : [saw];
      const pairs = from.map((state) => [state, { ...state, count: state.count + 1 }] as const);
      return moves(pairs, idOf, false);
    }
    default: {
      if (value === undefined) return undefined;
      const shown = (seen.states.get(value) ?? []).flatMap(withLowerCounts);
      const from = saw === undefined ? shown.map((state) => before(state, value)) : [saw];
      const pairs = from.map((state) => [state, { ...state, values: [...state.values, value] }] as const);
      const fresh =
        kind === 'append-or-create' && saw === undefined ? [[EMPTY, { values: [value], count: 0 }] as const] : [];
      return moves([...pairs, ...fresh], idOf, kind === 'append-or-create');
    }
  }
}

function moves(
  pairs: readonly (readonly [from: State, to: State])[],
  idOf: Parts['idOf'],
  creates: boolean,
): Step['after'] {
  const known = pairs.flatMap(([from, to]) => {
    const isNew = creates && from.values.length === 0;
    return [{ from: idOf(from), to: idOf(to) }, ...(isNew ? [{ from: ABSENT, to: idOf(to) }] : [])];
  });
  return (state) => known.filter(({ from }) => state === from || state === ANYTHING).map(({ to }) => to);
}

/** Returns the state that a state with `value` in it was built on. */
function before({ values, count }: State, value: string): State {
  return { values: values.slice(0, values.indexOf(value)), count };
}

/** Returns the step as one that may never have happened, and not later than that. */
function until(end: number, step: Step): Step {
  return { ...step, end, optional: true };
}

/** Returns the states in which some of the increments were still to come. */
function withLowerCounts(state: State): State[] {
  return Array.from({ length: state.count + 1 }, (_, count) => ({ ...state, count }));
}

interface Seen {
  /** Returns every state that somebody saw. */
  readonly all: () => readonly State[];
  /** The states in which somebody saw a value. */
  readonly states: ReadonlyMap<string, readonly State[]>;
  /** The end of the first look that showed it for certain. */
  readonly firstEnd: ReadonlyMap<string, number>;
}

const SHOWS: readonly string[] = ['committed', 'read', 'unchanged', 'threw'];

function seenIn(operations: readonly Operation[]): Seen {
  const states = new Map<string, State[]>();
  const known = new Set<string>();
  const firstEnd = new Map<string, number>();
  for (const operation of operations) {
    const { outcome, saw, end } = operation;
    if (saw === undefined) continue;
    const shows = SHOWS.includes(outcome) && !isRestore(operation);
    for (const [place, value] of saw.values.entries()) {
      // One state for each place of the value: they differ only in what came before it.
      const key = `${value} ${place} ${saw.count}`;
      if (!known.has(key)) {
        known.add(key);
        const others = states.get(value);
        if (others === undefined) states.set(value, [saw]);
        else others.push(saw);
      }
      if (shows) firstEnd.set(value, Math.min(firstEnd.get(value) ?? Number.POSITIVE_INFINITY, end));
    }
  }
  const all = (): State[] => operations.flatMap(({ saw }) => saw ?? []);
  return { all, states, firstEnd };
}
