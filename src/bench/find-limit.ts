/** What became of a load at one rate. */
interface Tried {
  readonly ratePerSecond: number;
  readonly held: boolean;
}

export interface Limit<T extends Tried> {
  /** The step with the highest rate that held; undefined: none did. */
  readonly knee: T | undefined;
  /** The step with the lowest rate that broke; undefined: none did. */
  readonly broken: T | undefined;
  readonly steps: readonly T[];
}

// The knee is known to this ratio: it lies between the two rates that are named.
const PRECISION = 1.03;

// From 1/s to 65,536/s, and down to a 64th: a search beyond that would look for what is not there.
const DOUBLINGS_MAX = 16;
const HALVINGS_MAX = 6;

/**
 * Finds the highest rate at which `load` holds: doubles or halves `startPerSecond` until one rate holds and another does
 * not, then halves the interval between them, in ratio, down to 3 %. A rate breaks only when it breaks twice in a row,
 * so that one pause of a busy machine does not decide. It assumes that what breaks at a rate breaks at every higher one.
 */
export async function findLimit<T extends Tried>(
  startPerSecond: number,
  load: (ratePerSecond: number) => Promise<T>,
): Promise<Limit<T>> {
  const steps: T[] = [];
  const found: { knee?: T; broken?: T } = {};
  const tryOut = async (ratePerSecond: number): Promise<void> => {
    for (let again = 0; again < 2; again++) {
      const step = await load(ratePerSecond);
      steps.push(step);
      if (step.held) {
        found.knee = step;
        return;
      }
      if (again === 1) found.broken = step;
    }
  };
  await tryOut(startPerSecond);
  const rises = found.knee !== undefined;
  for (let moves = 0; moves < (rises ? DOUBLINGS_MAX : HALVINGS_MAX); moves++) {
    if (found.knee !== undefined && found.broken !== undefined) break;
    await tryOut(startPerSecond * (rises ? 2 : 0.5) ** (moves + 1));
  }
  for (;;) {
    const { knee, broken } = found;
    if (knee === undefined || broken === undefined || broken.ratePerSecond / knee.ratePerSecond <= PRECISION) break;
    await tryOut(Math.sqrt(knee.ratePerSecond * broken.ratePerSecond));
  }
  return { knee: found.knee, broken: found.broken, steps };
}
