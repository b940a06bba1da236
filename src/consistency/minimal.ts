import type { History, Operation } from './history.ts';
import { orderOf } from './order.ts';
import type { Verdict } from './search.ts';

// What is left out only makes more possible, so a small search that is given up keeps more than it must, and no less.
const VISITS_MAX = 20_000;

// Of all searches together: some ten seconds.
const ALL_VISITS_MAX = 200_000;

/** What is to be shortened: operations on databases, or on accounts. */
export interface Shortening<T> {
  /** Searches an order that explains these; with `anything`, whatever was stored before. */
  readonly search: (
    operations: readonly T[],
    opening: 'anything' | undefined,
    visitsMax: number,
  ) => Pick<Verdict, 'kind' | 'visits'>;
  /** True if it had an effect, or may have had one. */
  readonly writes: (operation: T) => boolean;
  /** The same, of which it is not known whether it took place. */
  readonly inDoubt: (operation: T) => T;
  readonly isDoubtful: (operation: T) => boolean;
  /** The value that it writes, and those that it shows. */
  readonly value: (operation: T) => string | undefined;
  readonly shows: (operation: T) => readonly string[];
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Returns the smallest part found of the history of a database for which no order exists, in the order of time. */
export function shortest({ machines, operations }: History): readonly Operation[] {
  return shortestPart(operations, {
    search: (part, opening, visitsMax) => orderOf({ machines, operations: part }, opening, visitsMax),
    writes: ({ outcome }) => ['committed', 'deleted', 'unknown', 'crashed'].includes(outcome),
    inDoubt: (operation) => ({ ...operation, outcome: 'unknown' }),
    isDoubtful: ({ outcome }) => outcome === 'unknown' || outcome === 'crashed',
    value: ({ value }) => value,
    shows: ({ saw }) => saw?.values ?? [],
  });
}

/**
 * Returns the smallest part found for which no order exists, in the order of time. Each step takes knowledge away, never
 * adds any: the end of the history is forgotten, then its beginning, then single looks; then writes are no longer known
 * to have happened. So what is left contradicts itself, whatever else was reported.
 */
export function shortestPart<T extends Span>(all: readonly T[], judged: Shortening<T>): readonly T[] {
  const { writes, inDoubt, isDoubtful } = judged;
  let visitsLeft = ALL_VISITS_MAX;
  const isImpossible = (part: readonly T[], opening?: 'anything'): boolean => {
    if (visitsLeft <= 0) return false;
    const { kind, visits } = judged.search(part, opening, Math.min(visitsLeft, VISITS_MAX));
    // To put a search together costs as well.
    visitsLeft -= visits + part.length;
    return kind === 'impossible';
  };
  const ends = all.map(({ end }) => end).sort((a, b) => a - b);
  const until = first(ends, (end) => isImpossible(upTo(all, end, judged)));
  let left = upTo(all, until ?? Number.POSITIVE_INFINITY, judged);

  const starts = left.map(({ start }) => start).sort((a, b) => a - b);
  const forgotten = first(starts, (start) => !isImpossible(since(left, start, judged), 'anything'));
  const from = forgotten === undefined ? undefined : starts[starts.indexOf(forgotten) - 1];
  const opening = from === undefined ? undefined : 'anything';
  if (from !== undefined) left = since(left, from, judged);

  for (const operation of [...left]) {
    if (!writes(operation)) {
      const without = left.filter((each) => each !== operation);
      if (isImpossible(without, opening)) left = without;
    } else if (!isDoubtful(operation)) {
      const doubted = left.map((each) => (each === operation ? inDoubt(each) : each));
      if (isImpossible(doubted, opening)) left = doubted;
    }
  }
  const needed = withoutUseless(left, judged);
  return [...(isImpossible(needed, opening) ? needed : left)].sort((a, b) => a.start - b.start);
}

/** Leaves out what is in doubt and explains nothing of what is left. */
function withoutUseless<T extends Span>(left: readonly T[], { shows, value, isDoubtful }: Shortening<T>): T[] {
  const shown = new Set(left.flatMap(shows));
  return left.filter((operation) => !isDoubtful(operation) || shown.has(value(operation) ?? ''));
}

/** Returns what was known at a moment: what had not ended then may have happened. */
function upTo<T extends Span>(operations: readonly T[], moment: number, { writes, inDoubt }: Shortening<T>): T[] {
  return operations.flatMap((operation): T[] => {
    if (operation.end <= moment) return [operation];
    return operation.start <= moment && writes(operation) ? [inDoubt(operation)] : [];
  });
}

/** Forgets what had ended before a moment; what was under way then may have happened before. */
function since<T extends Span>(
  operations: readonly T[],
  moment: number,
  { writes, inDoubt, isDoubtful }: Shortening<T>,
): T[] {
  return operations.flatMap((operation): T[] => {
    if (operation.start >= moment) return [operation];
    return writes(operation) && (operation.end >= moment || isDoubtful(operation)) ? [inDoubt(operation)] : [];
  });
}

/** Returns the first of these for which `holds` is true, given that it stays true from there on. */
function first(sorted: readonly number[], holds: (moment: number) => boolean): number | undefined {
  let [low, high] = [0, sorted.length - 1];
  let found: number | undefined;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const moment = sorted[middle] as number;
    if (holds(moment)) {
      found = moment;
      high = middle - 1;
    } else low = middle + 1;
  }
  return found;
}
