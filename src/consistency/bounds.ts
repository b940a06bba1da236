import { mayHaveHappened, type Operation, type State } from './history.ts';

// A copy of a request comes before so many more operations on that database have ended: the faults of a run hold it back for
// four requests of its client or 60 ms, those of the simulation for sixteen requests.
const LATENESS_MAX = 32;

// So many copies come late one after the other: each needs a fault of its own, so more explain anything.
const LATE_COPIES_MAX = 2;

/**
 * What S3 cannot rule out, according to docs/consistency.md: that a copy of a request meets its condition again, because
 * somebody deletes, or a program without write ids puts old bytes back.
 */
export class Bounds {
  /** Deletes, and restores by another program, that had an effect or may have. */
  readonly #resets: readonly Operation[];
  readonly #restores: readonly Operation[];
  /** The ends of all operations, in order. */
  readonly #ends: readonly number[];

  constructor(operations: readonly Operation[]) {
    this.#resets = operations.filter(
      (operation) => ['delete', 'foreign-restore'].includes(operation.kind) && mayHaveLanded(operation),
    );
    this.#restores = this.#resets.filter(({ kind }) => kind === 'foreign-restore');
    this.#ends = operations.map(({ end }) => end).sort((a, b) => a - b);
  }

  /**
   * True if an operation that was refused may have had an effect all the same: a copy of it landed, and what it left was
   * removed or overwritten, without a trace of who did it, before the client could look behind the refusal; or it landed
   * late, on bytes that were put back.
   */
  isBeyondProof(operation: Operation): boolean {
    const { kind, outcome } = operation;
    if (kind === 'foreign' || kind === 'foreign-restore') return mayHaveLanded(operation);
    if (this.restoresMetBy(operation).length > 0) return true;
    return (
      kind !== 'delete' &&
      outcome === 'conflict' &&
      this.#resets.some((other) => other.kind === 'delete' && overlap(other, operation))
    );
  }

  /**
   * True if an operation may have had its effect twice before it ended: bytes that another program put back are the version
   * that it was built on, so its request, sent again, met a condition that held again; or what a create had made was deleted
   * before the create was sent again.
   */
  mayRecur(operation: Operation): boolean {
    const creates = ['create', 'append-or-create'].includes(operation.kind);
    return this.#resets.some(
      (other) => other !== operation && (creates || other.kind === 'foreign-restore') && overlap(other, operation),
    );
  }

  /** Returns the restores that put back bytes while a copy of an operation's requests may have been under way. */
  restoresMetBy(operation: Operation): Operation[] {
    const latest = this.latestOf(operation);
    return this.#restores.filter(
      (restore) => restore !== operation && restore.start < latest && endOf(restore) > operation.start,
    );
  }

  /** Returns the moment after which no copy of its requests comes; infinite if the history ends before. */
  latestOf({ end }: Operation): number {
    let [low, high] = [0, this.#ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] as number) > end) high = middle;
      else low = middle + 1;
    }
    return this.#ends[low + LATENESS_MAX - 1] ?? Number.POSITIVE_INFINITY;
  }
}

/** True if an operation had its effect, or may have. The other program does not look behind a refusal, so it may be wrong. */
function mayHaveLanded({ kind, outcome }: Operation): boolean {
  const isForeign = kind === 'foreign' || kind === 'foreign-restore';
  return mayHaveHappened(outcome) || (isForeign && ['conflict', 'unavailable'].includes(outcome));
}

/** True if a state is bytes that were put back, or what late copies may have made of them. */
export function isMadeLate({ values, count }: State, restored: State): boolean {
  return isNear(values, restored.values, LATE_COPIES_MAX) && count >= restored.count;
}

/** The same, where one more copy may come late. */
export function takesLateCopy({ values }: State, restored: State): boolean {
  return isNear(values, restored.values, LATE_COPIES_MAX - 1);
}

function isNear(values: readonly string[], restored: readonly string[], by: number): boolean {
  const more = values.length - restored.length;
  return more >= 0 && more <= by && restored.every((value, index) => value === values[index]);
}

/** True if two operations were under way at the same time. What is in doubt may take effect later, too. */
export function overlap(a: Operation, b: Operation): boolean {
  return a.start < endOf(b) && b.start < endOf(a);
}

function endOf({ outcome, end }: Operation): number {
  return outcome === 'crashed' || outcome === 'unknown' ? Number.POSITIVE_INFINITY : end;
}
