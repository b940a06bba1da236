import { Bounds } from './bounds.ts';
import { type History, isRestore, mayHaveHappened, OBSERVER, type Operation, type State } from './history.ts';
import { type Place, placesOf } from './prefixes.ts';

/** What somebody saw. */
export interface View extends Operation {
  readonly saw: State;
  /** Of its values, among those of all views. */
  readonly place: Place;
  /** Its values, to look one up. */
  readonly shown: ReadonlySet<string>;
  readonly sharesCache: boolean;
  /** It must show what was acknowledged before this moment; undefined if it promises nothing. */
  readonly asOf: number | undefined;
}

/** The rules' inputs, computed once. */
export interface Facts {
  readonly operations: readonly Operation[];
  readonly views: readonly View[];
  readonly final: View | undefined;
  readonly byValue: ReadonlyMap<string, Operation>;
  /** Deletes that may have had an effect. */
  readonly deletes: readonly Operation[];
  /** Deletes, and restores that may have had an effect: earlier values may be gone afterwards. */
  readonly resets: readonly Operation[];
  /** When the first of them began, and the first restore among them; infinite if there is none. */
  readonly firstReset: number;
  readonly firstRestore: number;
  readonly bounds: Bounds;
}

const NOTHING: State = { values: [], count: 0 };

export function factsOf({ machines, operations }: History): Facts {
  const described = new Map(machines.map((machine) => [machine.name, machine]));
  const looks = operations.flatMap((operation) => {
    const saw = operation.outcome === 'absent' ? NOTHING : operation.saw;
    // A restore does not look at what is stored.
    return saw === undefined || isRestore(operation) ? [] : [{ ...operation, saw }];
  });
  const places = placesOf(looks.map(({ saw }) => saw.values));
  const views = looks.map((look, index): View => {
    const { cache, stalenessMs = 0 } = described.get(look.machine) ?? {};
    const sharesCache = machines.filter((machine) => machine.cache === cache).length > 1;
    const [place, asOf] = [places[index] as Place, promiseOf(look, stalenessMs)];
    return { ...look, place, shown: new Set(look.saw.values), sharesCache, asOf };
  });
  const resetting = operations.filter((operation) => operation.kind === 'delete' || isRestore(operation));
  const bounds = new Bounds(operations);
  const resets = resetting.filter((operation) => mayHaveHappened(operation.outcome) || bounds.isBeyondProof(operation));
  return {
    operations,
    views,
    final: views.find(({ machine }) => machine === OBSERVER),
    byValue: new Map(operations.flatMap((operation) => (operation.value ? [[operation.value, operation]] : []))),
    deletes: operations.filter(({ kind, outcome }) => kind === 'delete' && mayHaveHappened(outcome)),
    resets,
    firstReset: firstStart(resets),
    firstRestore: firstStart(resets.filter(isRestore)),
    bounds,
  };
}

function firstStart(operations: readonly Operation[]): number {
  return operations.reduce((first, { start }) => Math.min(first, start), Number.POSITIVE_INFINITY);
}

/** Returns the moment whose acknowledged writes it must show. */
function promiseOf({ start, outcome }: Operation, stalenessMs: number): number | undefined {
  switch (outcome) {
    // The store compared, or was asked.
    case 'committed':
    case 'absent':
      return start;
    case 'read':
    case 'unchanged':
    case 'threw':
      return start - stalenessMs;
    default:
      return undefined;
  }
}
