import { isMadeLate, overlap } from './bounds.ts';
import { type Facts, factsOf, type View } from './facts.ts';
import { formatOperation, type History, isRestore, mayHaveHappened, type Operation, type State } from './history.ts';
import { beginsWith } from './prefixes.ts';

/**
 * - `lost`: a committed value is missing in the final state. `lost-increment`: the counter shows it.
 * - `doubled`: a value is stored twice. `extra-increment`: the counter exceeds all attempts.
 * - `denied`: a value reported as not stored is in the final state.
 * - `dirty-read`: someone saw what was never stored.
 * - `phantom`: someone saw what no one had attempted.
 * - `stale-read`: someone saw a state older than allowed. `own-write-missed`: a machine missed its own commit.
 * - `vanished`: a later look missed what an earlier one showed.
 * - `overwritten`: two acknowledged writes followed the same state, so one of them replaced the other.
 * - `forked`: two states, neither of which follows the other.
 * - `resurrected`: a deleted value came back.
 * - `impossible`: no order of all operations explains what was reported.
 * - `failed`: an operation ended in a way that none may.
 */
export type AnomalyName =
  | 'lost'
  | 'lost-increment'
  | 'doubled'
  | 'extra-increment'
  | 'denied'
  | 'dirty-read'
  | 'phantom'
  | 'stale-read'
  | 'own-write-missed'
  | 'vanished'
  | 'forked'
  | 'overwritten'
  | 'resurrected'
  | 'impossible'
  | 'failed';

export interface Anomaly {
  readonly name: AnomalyName;
  readonly sentence: string;
  /** The operations that contradict each other. */
  readonly witnesses: readonly Operation[];
}

/** Returns the contradictions in a history, given that every reported outcome is true. Empty for a sound one. */
export function check(history: History): Anomaly[] {
  const facts = factsOf(history);
  return [
    failures,
    unexplainedValues,
    doubledValues,
    missingCommits,
    vanishedStates,
    forkedStates,
    overwrittenCommits,
    miscounts,
    resurrections,
  ].flatMap((rule) => rule(facts));
}

/** Formats the anomalies with the lines of the history that show them. */
export function formatAnomalies(anomalies: readonly Anomaly[]): string {
  return anomalies
    .map(({ name, sentence, witnesses }) =>
      [`${name}: ${sentence}`, ...witnesses.map((operation) => `    ${formatOperation(operation)}`)].join('\n'),
    )
    .join('\n');
}

function failures({ operations }: Facts): Anomaly[] {
  return operations
    .filter(({ outcome }) => outcome === 'failed')
    .map((operation) => ({ name: 'failed', sentence: 'no operation may end like this', witnesses: [operation] }));
}

function unexplainedValues({ views, final, byValue, bounds }: Facts): Anomaly[] {
  return views.flatMap((view) =>
    [...new Set(view.saw.values)].flatMap((value): Anomaly[] => {
      const origin = byValue.get(value);
      if (origin === undefined || origin.start > view.end) {
        const witnesses = origin === undefined ? [view] : [origin, view];
        return [{ name: 'phantom', sentence: `${value} was seen, and nobody had attempted it`, witnesses }];
      }
      if (mayHaveHappened(origin.outcome)) return [];
      if (bounds.isBeyondProof(origin)) return [];
      const witnesses = [origin, view];
      if (final?.shown.has(value)) {
        if (view !== final) return [];
        return [{ name: 'denied', sentence: `${value} was reported as not stored, and is there`, witnesses }];
      }
      return [{ name: 'dirty-read', sentence: `${value} was seen, and never stored`, witnesses }];
    }),
  );
}

function doubledValues({ views, byValue, bounds }: Facts): Anomaly[] {
  return views.flatMap((view) => {
    if (view.shown.size === view.saw.values.length) return [];
    const twice = view.saw.values.find((value, index) => view.saw.values.indexOf(value) !== index);
    const origin = byValue.get(twice ?? '');
    if (origin !== undefined && bounds.mayRecur(origin)) return [];
    return twice === undefined ? [] : [{ name: 'doubled', sentence: `${twice} is there twice`, witnesses: [view] }];
  });
}

function missingCommits({ operations, views, final, resets }: Facts): Anomaly[] {
  const commits = operations.filter(({ value, outcome }) => value !== undefined && outcome === 'committed');
  return commits.flatMap((commit) =>
    views.flatMap((view): Anomaly[] => {
      const { value = '' } = commit;
      if (view.shown.has(value) || !mustKnow(view, commit)) return [];
      if (resets.some((reset) => commit.start < reset.end && reset.start < view.end)) return [];
      const witnesses = [commit, view];
      if (final !== undefined && !final.shown.has(value)) {
        if (view !== final) return [];
        return [{ name: 'lost', sentence: `${value} was committed, and is not there`, witnesses }];
      }
      return view.asOf !== undefined && commit.end < view.asOf
        ? [{ name: 'stale-read', sentence: `${value} had been committed before`, witnesses }]
        : [{ name: 'own-write-missed', sentence: `${value} was this machine's own commit`, witnesses }];
    }),
  );
}

/**
 * True if a view must show what an earlier operation did or saw: all that had ended before the oldest moment it may
 * reflect, and whatever its own machine learned from this program. A version that an edit fetched privately without
 * committing on it is in no cache, so another process of a shared cache can insert an older one.
 */
function mustKnow(view: View, earlier: Operation): boolean {
  if (view.asOf === undefined || earlier.end >= view.start) return false;
  if (earlier.end < view.asOf) return true;
  if (earlier.machine !== view.machine || earlier.kind === 'foreign') return false;
  return !view.sharesCache || ['committed', 'deleted', 'read'].includes(earlier.outcome);
}

function vanishedStates({ views, firstReset }: Facts): Anomaly[] {
  return views.flatMap((earlier) =>
    views.flatMap((later): Anomaly[] => {
      if (firstReset < later.end || !mustKnow(later, earlier) || isPrefix(earlier, later)) return [];
      return [{ name: 'vanished', sentence: 'what had been seen was not there any more', witnesses: [earlier, later] }];
    }),
  );
}

/** States are totally ordered: of any two, one is the other with more appended and a counter that is not lower. */
function forkedStates({ views, byValue, resets, firstRestore }: Facts): Anomaly[] {
  return views.flatMap((one, index) =>
    views.slice(index + 1).flatMap((other): Anomaly[] => {
      if (isPrefix(one, other) || isPrefix(other, one)) return [];
      if (firstRestore < Math.max(one.end, other.end)) return [];
      if (resets.length > 0) {
        // A database made anew begins with its maker's value. If its maker was still retrying when it was deleted, it
        // may have been made twice.
        const [born, otherBorn] = [one.saw.values[0] ?? '', other.saw.values[0] ?? ''];
        const maker = byValue.get(born);
        if (born !== otherBorn || maker === undefined) return [];
        if (resets.some((deleted) => overlap(deleted, maker))) return [];
      }
      return [{ name: 'forked', sentence: 'neither of two states came after the other', witnesses: [one, other] }];
    }),
  );
}

/**
 * Every state comes once, so the store must refuse all writes over it but one; unless it was restored, or is what late
 * copies may have made of restored bytes.
 */
function overwrittenCommits({ operations, resets }: Facts): Anomaly[] {
  const bySeen = new Map<string, Operation>();
  const restores = resets.filter(isRestore);
  const mayComeAgain = (state: State): boolean =>
    restores.some(({ saw }) => saw === undefined || isMadeLate(state, saw));
  return operations.flatMap((operation): Anomaly[] => {
    const { saw, outcome, value } = operation;
    if (outcome !== 'committed' || value === undefined || saw === undefined || saw.values.length === 0) return [];
    const key = `${saw.values.join(' ')} n=${saw.count}`;
    const earlier = bySeen.get(key);
    if (earlier === undefined) bySeen.set(key, operation);
    if (earlier === undefined || mayComeAgain(saw)) return [];
    const sentence = `${earlier.value} and ${value} were both committed over the same state`;
    return [{ name: 'overwritten', sentence, witnesses: [earlier, operation] }];
  });
}

function isPrefix(a: View, b: View): boolean {
  return a.saw.count <= b.saw.count && beginsWith(b.place, a.place);
}

function miscounts({ operations, views, resets }: Facts): Anomaly[] {
  const increments = operations.filter(({ kind }) => kind === 'increment');
  const committed = increments.filter(({ outcome }) => outcome === 'committed');
  const possible = increments.filter(({ outcome }) => mayHaveHappened(outcome));
  const anomalies = views.flatMap((view): Anomaly[] => {
    const { count } = view.saw;
    const attempted = possible.filter(({ start }) => start <= view.end);
    if (count > attempted.length) {
      const sentence = `the counter is at ${count}, and ${attempted.length} may have counted`;
      return [{ name: 'extra-increment', sentence, witnesses: [...attempted, view] }];
    }
    const known = committed.filter((increment) => mustKnow(view, increment));
    if (resets.length > 0 || count >= known.length) return [];
    const sentence = `the counter is at ${count}, and ${known.length} had counted`;
    return [{ name: 'lost-increment', sentence, witnesses: [...known, view] }];
  });
  const twins = committed.flatMap((one, index) =>
    committed.slice(index + 1).flatMap((other): Anomaly[] => {
      if (resets.length > 0 || one.saw === undefined || one.saw.count !== other.saw?.count) return [];
      const sentence = `both counted on from ${one.saw.count}`;
      return [{ name: 'lost-increment', sentence, witnesses: [one, other] }];
    }),
  );
  return [...anomalies, ...twins];
}

function resurrections({ views, byValue, deletes, resets }: Facts): Anomaly[] {
  const firstSeen = new Map<string, number>();
  for (const { end, shown } of views)
    for (const value of shown) firstSeen.set(value, Math.min(firstSeen.get(value) ?? end, end));
  return deletes
    .filter(({ outcome }) => outcome === 'deleted')
    .flatMap((deleted) =>
      views.flatMap((view): Anomaly[] => {
        if (!mustKnow(view, deleted)) return [];
        const before = (value: string): boolean =>
          (byValue.get(value)?.end ?? Number.POSITIVE_INFINITY) < deleted.start ||
          (firstSeen.get(value) ?? Number.POSITIVE_INFINITY) < deleted.start;
        const origin = byValue.get(view.saw.values.find(before) ?? '');
        if (origin === undefined) return [];
        // Restored on purpose, from a backup.
        if (resets.some((reset) => isRestore(reset) && reset.end > deleted.start)) return [];
        const sentence = `${origin.value} had been deleted`;
        return [{ name: 'resurrected', sentence, witnesses: [origin, deleted, view] }];
      }),
    );
}
