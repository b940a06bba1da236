/** Deeper openings are plain text, as in Anki. */
const DEPTH_MAX = 10;
const NUMBER_MAX = 65_535;

function openingNumbers(list: string): number[] {
  return list
    .split(',')
    .filter((part) => part !== '')
    .map(Number)
    .filter((number) => number <= NUMBER_MAX);
}

/**
 * Returns the distinct numbers of a field's cloze deletions in ascending order: `{{c1::…}}`, nested ones, and
 * `{{c1,3::…}}` with several. Unclosed deletions and the number 0 do not count. Source: rslib/src/cloze.rs
 * (`cloze_numbers_in_string`).
 */
export function clozeNumbers(field: string): number[] {
  const closed = new Set<number>();
  const open: number[][] = [];
  for (const token of field.matchAll(/\{\{c([\d,]+)::|\}\}/g)) {
    if (token[1] !== undefined) {
      const numbers = openingNumbers(token[1]);
      if (numbers.length > 0 && open.length < DEPTH_MAX) open.push(numbers);
      continue;
    }
    const numbers = open.pop() ?? [];
    const outer = open.at(-1);
    // An inner deletion counts only once everything around it is closed.
    for (const number of numbers) {
      if (outer === undefined) closed.add(number);
      else outer.push(number);
    }
  }
  closed.delete(0);
  return [...closed].sort((a, b) => a - b);
}
