import type { History, Operation } from './history.ts';
import { orderOf } from './order.ts';

// What is left out only makes more possible, so a small search that is given up keeps more than it must, and no less.
const VISITS_MAX = 20_000;

/**
 * Returns the smallest part found of a history for which no order exists, in the order of time. Each step takes knowledge
 * away, never adds any: the end of the history is forgotten, then its beginning, then single looks; then writes are no
 * longer known to have happened. So what is left contradicts itself, whatever else was reported.
 */
export function shortest(history: History): readonly Operation[] {
  const { machines } = history;
  const isImpossible = (operations: readonly Operation[], opening?: 'anything'): boolean =>
    orderOf({ machines, operations }, opening, VISITS_MAX).kind === 'impossible';

  const ends = history.operations.map(({ end }) => end).sort((a, b) => a - b);
  const until = first(ends, (end) => isImpossible(upTo(history.operations, end)));
  let left = upTo(history.operations, until ?? Number.POSITIVE_INFINITY);

  const starts = left.map(({ start }) => start).sort((a, b) => b - a);
  const from = first(starts, (start) => isImpossible(since(left, start), 'anything'));
  const opening = from === undefined ? undefined : 'anything';
  if (from !== undefined) left = since(left, from);

  for (const operation of [...left]) {
    const without = left.filter((each) => each !== operation);
    const doubted = left.map((each) => (each === operation ? inDoubt(each) : each));
    if (isImpossible(without, opening) && !writes(operation)) left = without;
    else if (writes(operation) && operation.outcome !== 'unknown' && isImpossible(doubted, opening)) left = doubted;
  }
  return pruned(left, (operations) => isImpossible(operations, opening)).sort((a, b) => a.start - b.start);
}

/** Leaves out what is in doubt and explains nothing of what is left. */
function pruned(left: readonly Operation[], isImpossible: (operations: readonly Operation[]) => boolean): Operation[] {
  const shown = new Set(left.flatMap(({ saw }) => saw?.values ?? []));
  const needed = left.filter(
    ({ outcome, value }) => !['unknown', 'crashed'].includes(outcome) || (value !== undefined && shown.has(value)),
  );
  return isImpossible(needed) ? [...needed] : [...left];
}

/** Returns what was known at a moment: what had not ended then may have happened. */
function upTo(operations: readonly Operation[], moment: number): Operation[] {
  return operations.flatMap((operation): Operation[] => {
    if (operation.end <= moment) return [operation];
    return operation.start <= moment && writes(operation) ? [inDoubt(operation)] : [];
  });
}

/** Forgets what had ended before a moment; what was under way then may have happened before. */
function since(operations: readonly Operation[], moment: number): Operation[] {
  return operations.flatMap((operation): Operation[] => {
    if (operation.start >= moment) return [operation];
    return writes(operation) && (operation.end >= moment || isDoubtful(operation)) ? [inDoubt(operation)] : [];
  });
}

function inDoubt(operation: Operation): Operation {
  return { ...operation, outcome: 'unknown' };
}

function isDoubtful({ outcome }: Operation): boolean {
  return outcome === 'unknown' || outcome === 'crashed';
}

function writes({ outcome }: Operation): boolean {
  return ['committed', 'deleted', 'unknown', 'crashed'].includes(outcome);
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
