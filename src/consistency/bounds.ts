import { mayHaveHappened, type Operation } from './history.ts';

/**
 * True if an operation that was refused may have had an effect all the same, within what docs/consistency.md says that S3
 * cannot rule out: a copy of it landed, and what it left was removed or overwritten, without a trace of who did it, before
 * the client could look behind the refusal. It takes somebody who deletes, or a program without write ids that puts old
 * bytes back, at the same time.
 */
export function isBeyondProof(operation: Operation, others: readonly Operation[]): boolean {
  const { kind, outcome } = operation;
  if (kind === 'foreign' || kind === 'foreign-restore') return mayHaveLanded(operation);
  const erasers = others.filter((other) => mayHaveLanded(other) && overlap(other, operation));
  if (erasers.some((other) => other.kind === 'foreign-restore')) return true;
  return kind !== 'delete' && outcome === 'conflict' && erasers.some((other) => other.kind === 'delete');
}

/**
 * True if an operation may have had its effect twice, within the same bounds: bytes that another program put back are the
 * version that it was built on, so its request, sent again, met a condition that held again; or what a create had made was
 * deleted before the create was sent again.
 */
export function mayRecur(operation: Operation, others: readonly Operation[]): boolean {
  const erasing = ['create', 'append-or-create'].includes(operation.kind)
    ? ['foreign-restore', 'delete']
    : ['foreign-restore'];
  return others.some(
    (other) => other !== operation && erasing.includes(other.kind) && mayHaveLanded(other) && overlap(other, operation),
  );
}

/** True if an operation had its effect, or may have. The other program does not look behind a refusal, so it may be wrong. */
function mayHaveLanded({ kind, outcome }: Operation): boolean {
  const isForeign = kind === 'foreign' || kind === 'foreign-restore';
  return mayHaveHappened(outcome) || (isForeign && ['conflict', 'unavailable'].includes(outcome));
}

/** True if two operations were under way at the same time. What is in doubt may take effect later, too. */
export function overlap(a: Operation, b: Operation): boolean {
  return a.start < endOf(b) && b.start < endOf(a);
}

function endOf({ outcome, end }: Operation): number {
  return outcome === 'crashed' || outcome === 'unknown' ? Number.POSITIVE_INFINITY : end;
}
