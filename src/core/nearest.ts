/**
 * Returns the one of `names` that a word was probably meant to be, or undefined where none is near, or several are.
 * `limit`: how many letters may be wrong.
 */
export function nearest(
  word: string,
  names: readonly string[],
  limit = word.length < 3 ? 1 : Math.min(3, Math.floor(word.length / 3) + 1),
): string | undefined {
  const ranked = names
    .map((name) => ({ name, distance: distanceOf(word.toLowerCase(), name.toLowerCase()) + unlike(word, name) }))
    .filter(({ distance }) => distance <= limit)
    .sort((one, other) => one.distance - other.distance);
  const [best, second] = ranked;
  return best !== undefined && best.distance !== second?.distance ? best.name : undefined;
}

/** Breaks a tie: the first letter is seldom wrong. */
function unlike(one: string, other: string): number {
  return one.charAt(0).toLowerCase() === other.charAt(0).toLowerCase() ? 0 : 0.5;
}

/** The letters to insert, remove, replace or swap between two words: Damerau and Levenshtein's distance. */
function distanceOf(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1] ? 0 : 1;
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1])
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[other.length] ?? 0;
}
