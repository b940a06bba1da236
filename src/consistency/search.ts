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
  readonly #seen = new Set<string>();
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
    const frames: Frame[] = [this.#enter(initial, undefined, Number.NEGATIVE_INFINITY)];
    let longest: { readonly order: readonly number[]; readonly stuck: StateId } = { order: [], stuck: initial };
    while (this.#requiredLeft > 0) {
      const frame = frames.at(-1);
      if (frame === undefined) return { kind: 'impossible', ...longest, visits: this.#visits };
      if (this.#visits > this.#visitsMax) return { kind: 'undetermined', visits: this.#visits };
      const choice = frame.choices[frame.next++];
      if (choice !== undefined) {
        this.#do(choice.step);
        frames.push(this.#enter(choice.state, choice.step, frame.latestStart));
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

  #enter(state: StateId, chosen: number | undefined, before: number): Frame {
    this.#visits++;
    const latestStart = chosen === undefined ? before : Math.max(before, this.#at(chosen).start);
    const choices = this.#isKnown(state) ? [] : this.#choices(state, latestStart);
    return { chosen, state, latestStart, choices, next: 0 };
  }

  #choices(state: StateId, latestStart: number): Choice[] {
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

  #isKnown(state: StateId): boolean {
    while (this.#isPassed(this.#byStart[this.#firstOpen])) this.#firstOpen++;
    const taken: number[] = [];
    this.#byStart.forEach((index, place) => {
      if (this.#done[index] && (place >= this.#firstOpen || this.#at(index).optional)) taken.push(index);
    });
    const key = `${state} ${this.#firstOpen} ${taken.join(' ')}`;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
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
