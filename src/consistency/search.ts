/** A state of what is judged, as a small number. */
export type StateId = number;

/** Nothing is stored. */
export const ABSENT: StateId = 0;

/** It is not known what was stored before the history began: everything fits, once. */
export const ANYTHING: StateId = -1;

/** One operation, as the search sees it. */
export interface Step {
  readonly start: number;
  /** It takes effect no later. */
  readonly end: number;
  /** It may never have happened. */
  readonly optional: boolean;
  /** It changes nothing, so it is ordered as soon as it fits: that takes nothing from the others. */
  readonly observes: boolean;
  /** It fits whatever is stored, so it can wait for what does not. */
  readonly anywhere?: boolean | undefined;
  /** The index of the step that must have been before. */
  readonly follows?: number;
  /** Returns the states that it may leave behind; none if it cannot be next. */
  readonly after: (state: StateId) => readonly StateId[];
}

/** Returns the step of somebody who saw that something is stored. */
export function presence({ start, end }: Pick<Step, 'start' | 'end'>): Step {
  return { start, end, optional: false, observes: true, after: (state) => (state === ABSENT ? [] : [state]) };
}

/** `visits`: how many positions were looked at. */
export type Verdict = { readonly visits: number } & (
  | { readonly kind: 'ordered' }
  /** `order`: the indices of the longest beginning that fits, and `stuck` the state that it ends in. */
  | { readonly kind: 'impossible'; readonly order: readonly number[]; readonly stuck: StateId }
  /** The search was given up at its bound. */
  | { readonly kind: 'undetermined' }
);

/** How many positions are looked at before the search gives up. A sound history needs about one for each operation. */
export const VISITS_MAX = 200_000;

interface Choice {
  readonly step: number;
  readonly state: StateId;
}

/** A position in the search: what was chosen to get there, and what can be next. */
interface Frame {
  readonly chosen: number | undefined;
  readonly state: StateId;
  /** The latest start of what has been ordered. */
  readonly latestStart: number;
  readonly choices: readonly Choice[];
  next: number;
}

/**
 * Searches an order of all steps in which each fits the state that the ones before it leave, and which respects time:
 * what ended before another began comes first. That is Wing and Gong's search; as Lowe proposed, it remembers the
 * positions that lead nowhere.
 */
export function searchOrder(steps: readonly Step[], initial: StateId, visitsMax = VISITS_MAX): Verdict {
  return new Search(steps, visitsMax).from(initial);
}

class Search {
  readonly #steps: readonly Step[];
  /** The indices of the steps, by their start. */
  readonly #byStart: readonly number[];
  readonly #done: boolean[];
  /** For each position, the optional steps that had been taken on the ways to it. */
  readonly #seen = new Map<string, Set<number>[]>();
  readonly #visitsMax: number;
  #requiredLeft: number;
  #visits = 0;
  /** All before this place of `byStart` are done or optional. */
  #firstOpen = 0;

  constructor(steps: readonly Step[], visitsMax: number) {
    this.#steps = steps;
    this.#byStart = steps.map((_, index) => index).sort((a, b) => this.#at(a).start - this.#at(b).start || a - b);
    this.#done = steps.map(() => false);
    this.#requiredLeft = steps.filter(({ optional }) => !optional).length;
    this.#visitsMax = visitsMax;
  }

  from(initial: StateId): Verdict {
    const frames: Frame[] = [this.#enter(initial, undefined, Number.NEGATIVE_INFINITY, undefined)];
    let longest: { readonly order: readonly number[]; readonly stuck: StateId } = { order: [], stuck: initial };
    while (this.#requiredLeft > 0) {
      const frame = frames.at(-1);
      if (frame === undefined) return { kind: 'impossible', ...longest, visits: this.#visits };
      if (this.#visits > this.#visitsMax) return { kind: 'undetermined', visits: this.#visits };
      const choice = frame.choices[frame.next++];
      if (choice !== undefined) {
        this.#do(choice.step);
        frames.push(this.#enter(choice.state, choice.step, frame.latestStart, frame.state));
        continue;
      }
      if (frames.length - 1 > longest.order.length) {
        longest = { order: frames.flatMap(({ chosen }) => (chosen === undefined ? [] : [chosen])), stuck: frame.state };
      }
      frames.pop();
      if (frame.chosen !== undefined) this.#undo(frame.chosen);
    }
    return { kind: 'ordered', visits: this.#visits };
  }

  #enter(state: StateId, chosen: number | undefined, latestBefore: number, stateBefore: StateId | undefined): Frame {
    this.#visits++;
    const step = chosen === undefined ? undefined : this.#at(chosen);
    const latestStart = Math.max(latestBefore, step?.start ?? latestBefore);
    const without = step?.optional === true ? stateBefore : undefined;
    const choices = this.#isKnown(state) ? [] : this.#choices(state, latestStart, without);
    return { chosen, state, latestStart, choices, next: 0 };
  }

  /** `without`: the state before the last step, if that may never have happened. */
  #choices(state: StateId, latestStart: number, without: StateId | undefined): Choice[] {
    const required: (Choice & Pick<Step, 'end' | 'anywhere'>)[] = [];
    const looks: Choice[] = [];
    const optional: (Choice & Pick<Step, 'start' | 'anywhere'>)[] = [];
    let firstEnd = Number.POSITIVE_INFINITY;
    const open: number[] = [];
    for (const index of this.#byStart) {
      if (this.#done[index]) continue;
      const { start, end, optional: mayMiss } = this.#at(index);
      // Whatever starts later can neither be next nor end before.
      if (start > firstEnd) break;
      if (!mayMiss) firstEnd = Math.min(firstEnd, end);
      if (end >= latestStart) open.push(index);
    }
    for (const step of open) {
      const { start, end, observes, optional: mayMiss, follows, anywhere, after } = this.#at(step);
      if (start > firstEnd || (follows !== undefined && !this.#done[follows])) continue;
      const next = after(state);
      const [only] = next;
      // A look that fits changes nothing, so it comes first, unless it began after the end of what may still come.
      if (observes && only === state && open.every((other) => this.#at(other).end >= start)) return [{ step, state }];
      for (const each of next) {
        // It would be the same without the step before, which may never have happened.
        if (anywhere === true && without !== undefined && after(without).includes(each)) continue;
        if (mayMiss) optional.push({ step, state: each, start, anywhere });
        else if (observes) looks.push({ step, state: each });
        else required.push({ step, state: each, end, anywhere });
      }
    }
    // First what fits nowhere else; of what may have happened, the latest did so most likely.
    required.sort((a, b) => Number(a.anywhere ?? false) - Number(b.anywhere ?? false) || a.end - b.end);
    optional.sort((a, b) => Number(a.anywhere ?? false) - Number(b.anywhere ?? false) || b.start - a.start);
    return [...looks, ...required, ...optional];
  }

  /** True if the search was here before with no more of what may never have happened: that led nowhere, so this will not. */
  #isKnown(state: StateId): boolean {
    while (this.#isPassed(this.#byStart[this.#firstOpen])) this.#firstOpen++;
    const taken: number[] = [];
    const spent: number[] = [];
    this.#byStart.forEach((index, place) => {
      if (!this.#done[index]) return;
      if (this.#at(index).optional) spent.push(index);
      else if (place >= this.#firstOpen) taken.push(index);
    });
    const key = `${state} ${this.#firstOpen} ${taken.join(' ')}`;
    const before = this.#seen.get(key);
    if (before === undefined) this.#seen.set(key, [new Set(spent)]);
    else {
      const now = new Set(spent);
      if (before.some((other) => other.size <= now.size && [...other].every((index) => now.has(index)))) return true;
      before.push(now);
    }
    return false;
  }

  #isPassed(index: number | undefined): boolean {
    return index !== undefined && (this.#done[index] === true || this.#at(index).optional);
  }

  #do(index: number): void {
    this.#done[index] = true;
    if (!this.#at(index).optional) this.#requiredLeft--;
  }

  #undo(index: number): void {
    this.#done[index] = false;
    this.#firstOpen = Math.min(this.#firstOpen, this.#byStart.indexOf(index));
    if (!this.#at(index).optional) this.#requiredLeft++;
  }

  #at(index: number): Step {
    return this.#steps[index] as Step;
  }
}
