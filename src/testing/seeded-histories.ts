import {
  type History,
  isRestore,
  OBSERVER,
  type Operation,
  type OperationKind,
  type State,
} from '../consistency/history.ts';
import { type Random, seededRandom } from '../core/random.ts';

/** A way to break one promise. Each defect is surrounded by nothing, so that nothing else can explain it. */
export const DEFECTS = {
  'an acknowledged append is lost': (world) => {
    const value = world.value();
    world.tell('append', 'committed', value, world.state);
    world.look();
  },
  'an append has two effects': (world) => {
    const [value, saw] = [world.value(), world.state];
    world.state = [...saw, value, value];
    world.tell('append', 'committed', value, saw);
    world.look();
  },
  'a refused append is there': (world) => {
    const [value, saw] = [world.value(), world.state];
    world.state = [...saw, value];
    world.tell('append', 'conflict', value, saw);
    world.look();
  },
  'an append that was unavailable is there': (world) => {
    const [value, saw] = [world.value(), world.state];
    world.state = [...saw, value];
    world.tell('append', 'unavailable', value, saw);
    world.look();
  },
  'two appends follow one state': (world) => {
    const [one, other, saw] = [world.value(), world.value(), world.state];
    world.tell('append', 'committed', one, saw);
    world.state = [...saw, other];
    world.tell('append', 'committed', other, saw);
    world.look();
  },
  'a look misses what was acknowledged': (world) => {
    const [value, saw] = [world.value(), world.state];
    world.state = [...saw, value];
    world.tell('append', 'committed', value, saw);
    world.tell('read', 'read', undefined, saw);
  },
  'a look goes back behind an earlier one': (world) => {
    world.look();
    world.tell('read', 'read', undefined, world.state.slice(0, -1));
  },
  'a look shows what nobody wrote': (world) => {
    world.tell('read', 'read', undefined, [...world.state, 'v0']);
  },
  'two looks show another order': (world) => {
    const [one, other, saw] = [world.value(), world.value(), world.state];
    world.tell('append', 'committed', one, saw);
    world.tell('append', 'committed', other, [...saw, one]);
    world.state = [...saw, other, one];
    world.look();
  },
  'what was deleted is there': (world) => {
    world.tell('delete', 'deleted');
    world.look();
  },
  'a delete that was refused took place': (world) => {
    world.tell('delete', 'conflict');
    world.tell('read', 'absent');
  },
  'two creates are acknowledged': (world) => {
    const value = world.value();
    world.tell('create', 'committed', value);
    world.state = [value];
    world.look();
  },
  'what is there is not found': (world) => {
    world.tell('read', 'absent');
    world.look();
  },
} as const satisfies Readonly<Record<string, (world: QuietWorld) => void>>;

export type DefectName = keyof typeof DEFECTS;

/** A world at rest, in which a defect is made. */
interface QuietWorld {
  state: readonly string[];
  value(): string;
  tell(kind: OperationKind, outcome: Operation['outcome'], value?: string, saw?: readonly string[]): void;
  look(): void;
}

interface Flight {
  readonly client: string;
  readonly kind: OperationKind;
  readonly value: string | undefined;
  readonly start: number;
  readonly fate: 'takes effect' | 'is refused' | 'is in doubt' | 'is in doubt and never happens';
  result: Pick<Operation, 'outcome' | 'saw'> | undefined;
}

const CLIENTS = 4;
const EVENTS = 90;

/**
 * Returns a history of clients on one database, as it can be on a store that keeps every promise; with `defect`, one in
 * which it breaks that promise once. Each operation takes effect at a moment between its call and its return, or, in
 * doubt, later. Copies of requests come late, and have an effect where another program has put back what they compare with.
 */
export function seededHistory(seed: number, defect?: DefectName): History {
  const random = seededRandom(seed * 2 + 1);
  const operations: Operation[] = [];
  let [now, values] = [0, 0];
  let state: readonly string[] | undefined;
  const flights: Flight[] = [];
  /** Versions: the same list is the same version, another list of the same values is not. */
  const backup: (readonly string[])[] = [];
  /** A version that is no longer stored: what is built on it is refused. */
  let refusing: readonly string[] | undefined;
  /** Copies of requests that are still under way. */
  const late: { readonly over: readonly string[]; readonly makes: readonly string[] }[] = [];

  const value = (): string => `v${++values}`;
  const seen = (): State => ({ values: state ?? [], count: 0 });
  const add = (operation: Omit<Operation, 'start' | 'end'> & { start?: number }): void => {
    now++;
    operations.push({ ...operation, start: operation.start ?? now, end: ++now });
  };

  const begin = (): void => {
    const busy = new Set(flights.map(({ client }) => client));
    const idle = Array.from({ length: CLIENTS }, (_, index) => `c${index + 1}`).filter((name) => !busy.has(name));
    const client = idle[Math.floor(random.fraction() * idle.length)];
    if (client === undefined) return;
    const kind = pick(random, defect === undefined ? KINDS : KINDS_BEFORE_A_DEFECT);
    const writes = kind !== 'read';
    const chance = random.fraction();
    // What could explain a defect must not be in doubt.
    const mayDoubt = writes && (defect === undefined || kind === 'append');
    const fate =
      writes && chance < 0.15
        ? 'is refused'
        : mayDoubt && chance < 0.25
          ? 'is in doubt'
          : mayDoubt && chance < 0.3
            ? 'is in doubt and never happens'
            : 'takes effect';
    const named = kind === 'append' || kind === 'create' ? value() : undefined;
    flights.push({ client, kind, value: named, start: ++now, fate, result: undefined });
  };

  /** How many late copies have landed since bytes were put back. */
  let landed = 0;
  const sometimesLate = (over: readonly string[], makes: readonly string[]): void => {
    if (random.fraction() < 0.3) late.push({ over, makes });
  };

  const landLate = (): void => {
    // More than two in a row are too improbable for the judge to reckon with them.
    const place = landed < 2 ? late.findIndex(({ over }) => over === state) : -1;
    const [copy] = place < 0 ? [] : late.splice(place, 1);
    if (copy === undefined) return;
    landed++;
    state = copy.makes;
  };

  const takeEffect = (flight: Flight): void => {
    now++;
    const saw = state === undefined ? undefined : seen();
    if (flight.fate === 'is refused') flight.result = { outcome: random.fraction() < 0.5 ? 'conflict' : 'unavailable' };
    // A refused create says that somebody has one, and that must be so.
    if (flight.fate === 'is refused' && flight.kind === 'create') flight.result = { outcome: 'unavailable' };
    // A program that does not look behind a refusal believes it, also when a copy of its request was accepted.
    const believes = flight.fate === 'is refused' && flight.kind === 'foreign-restore' && random.fraction() < 0.5;
    if (flight.fate === 'is refused' && flight.kind === 'append' && refusing !== undefined && refusing !== state)
      sometimesLate(refusing, [...refusing, flight.value ?? '']);
    if (flight.fate === 'is refused' && !believes) return;
    const inDoubt = flight.fate !== 'takes effect';
    const happens = flight.fate !== 'is in doubt and never happens';
    const ends = (outcome: Operation['outcome'], found?: State): void => {
      const withSaw = found === undefined ? {} : { saw: found };
      flight.result = inDoubt
        ? random.fraction() < 0.3 && !isRestore(flight)
          ? { outcome: 'crashed' }
          : { outcome: 'unknown', ...withSaw }
        : { outcome, ...withSaw };
    };
    if (flight.kind === 'create') {
      if (state !== undefined) flight.result = { outcome: 'conflict' };
      else {
        if (happens) state = [flight.value ?? ''];
        ends('committed');
      }
    } else if (isRestore(flight)) {
      const values = backup[Math.floor(random.fraction() * backup.length)];
      if (values === undefined || state === undefined) flight.result = { outcome: 'unavailable' };
      else {
        const version = flight.kind === 'restore' ? [...values] : values;
        if (flight.kind === 'foreign-restore') sometimesLate(state, version);
        if (happens) {
          state = version;
          landed = 0;
        }
        if (believes) flight.result = { outcome: 'unavailable', saw: { values, count: 0 } };
        else ends('committed', { values, count: 0 });
      }
    } else if (state === undefined) flight.result = { outcome: 'absent' };
    else if (flight.kind === 'delete') {
      if (happens) state = undefined;
      ends('deleted');
    } else if (flight.kind === 'append') {
      const appended = [...state, flight.value ?? ''];
      sometimesLate(state, appended);
      if (happens) {
        refusing = state;
        state = appended;
      }
      ends('committed', saw);
    } else {
      if (random.fraction() < 0.3) backup.push(state);
      ends('read', saw);
    }
  };

  const end = (flight: Flight): void => {
    flights.splice(flights.indexOf(flight), 1);
    const { client: machine, kind, value: named, start, result } = flight;
    // A restore that found no backup never began.
    if (result === undefined || (isRestore({ kind }) && result.outcome !== 'committed' && result.saw === undefined))
      return;
    operations.push({ machine, kind, start, end: ++now, ...result, ...(named === undefined ? {} : { value: named }) });
  };

  const live = (events: number): void => {
    for (let event = 0; event < events; event++) {
      if (random.fraction() < 0.3) landLate();
      const flight = flights[Math.floor(random.fraction() * (flights.length + 2))];
      if (flight === undefined) begin();
      else if (flight.result === undefined) takeEffect(flight);
      else end(flight);
    }
    for (const flight of [...flights]) {
      if (flight.result === undefined) takeEffect(flight);
      end(flight);
    }
  };

  live(EVENTS / 2);
  if (defect !== undefined) {
    if (state === undefined) {
      state = [value()];
      add({ machine: 'c1', kind: 'create', outcome: 'committed', value: state[0] });
    }
    for (const _ of 'two') {
      const [named, saw] = [value(), seen()];
      state = [...(state ?? []), named];
      add({ machine: 'c2', kind: 'append', outcome: 'committed', value: named, saw });
    }
    DEFECTS[defect]({
      get state() {
        return state ?? [];
      },
      set state(values) {
        state = values;
      },
      value,
      tell: (kind, outcome, named, saw) =>
        add({
          machine: 'c3',
          kind,
          outcome,
          ...(named === undefined ? {} : { value: named }),
          ...(saw === undefined ? {} : { saw: { values: saw, count: 0 } }),
        }),
      look: () => add({ machine: 'c4', kind: 'read', outcome: 'read', saw: seen() }),
    });
    // What comes afterwards must not matter, however long it is.
  }
  live(EVENTS / 2);
  add({
    machine: OBSERVER,
    kind: 'read',
    outcome: state === undefined ? 'absent' : 'read',
    ...(state && { saw: seen() }),
  });
  return { machines: [], operations };
}

const KINDS: readonly OperationKind[] = [
  'append',
  'append',
  'append',
  'read',
  'read',
  'read',
  'create',
  'delete',
  'restore',
  'foreign-restore',
];
const KINDS_BEFORE_A_DEFECT = KINDS.filter((kind) => !isRestore({ kind }));

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random.fraction() * from.length)] as T;
}
