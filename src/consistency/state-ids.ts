import type { State } from './history.ts';
import { ABSENT, type StateId } from './search.ts';

/** Gives each state of a database a number, so that the search compares numbers. */
export class StateIds {
  /** States that agree in their last value, their length and their counter: almost always one. */
  readonly #alike = new Map<string, { readonly values: readonly string[]; readonly id: StateId }[]>();
  #last: StateId = ABSENT;

  idOf({ values, count }: State): StateId {
    const key = `${values.at(-1) ?? ''} ${values.length} ${count}`;
    const alike = this.#alike.get(key) ?? [];
    const known = alike.find((other) => other.values.every((value, index) => value === values[index]));
    if (known !== undefined) return known.id;
    if (alike.push({ values, id: ++this.#last }) === 1) this.#alike.set(key, alike);
    return this.#last;
  }
}
