/** What a session found: the values in the order of their appends, and the counter. */
export interface State {
  readonly values: readonly string[];
  readonly count: number;
}

/**
 * - `append` adds a unique value; `increment` adds one to the counter.
 * - `create` makes a database that begins with a value; `append-or-create` does so if there is none.
 * - `session` is an append that keeps its session open for a while, without retries.
 * - `foreign` is an append by another program, which compares correctly but knows no write ids.
 * - `no-op` changes nothing, `throwing` appends and then throws.
 * - `foreign-restore` puts back, through that program, the very bytes of an earlier version, so that it recurs.
 * - `push` is an append to a pulled copy, over exactly its version.
 * - `restore` writes back its machine's last backup, whatever is stored now.
 * - `read` looks once; `held-read` opens a session and looks later.
 */
export type OperationKind =
  | 'create'
  | 'append'
  | 'append-or-create'
  | 'session'
  | 'foreign'
  | 'foreign-restore'
  | 'push'
  | 'restore'
  | 'increment'
  | 'no-op'
  | 'throwing'
  | 'read'
  | 'held-read'
  | 'delete';

/** True if it puts back what was stored before, whatever is stored now. */
export function isRestore({ kind }: { readonly kind: OperationKind }): boolean {
  return kind === 'restore' || kind === 'foreign-restore';
}

/**
 * How an operation ended for its caller.
 *
 * - it happened: `committed`, `deleted`
 * - in doubt: `unknown`, and `crashed`, which leaves no one to report
 * - nothing happened: `unchanged`, `read`, `threw`, `conflict`, `absent` (there is no database), `unavailable`
 * - a defect: `failed`
 */
export type OperationOutcome =
  | 'committed'
  | 'deleted'
  | 'unknown'
  | 'crashed'
  | 'unchanged'
  | 'read'
  | 'threw'
  | 'conflict'
  | 'absent'
  | 'unavailable'
  | 'failed';

/** True if an operation that ended like this has had its effect, or may have. */
export function mayHaveHappened(outcome: OperationOutcome): boolean {
  return ['committed', 'deleted', 'unknown', 'crashed'].includes(outcome);
}

export interface Operation {
  readonly machine: string;
  /** Moments of one clock, both inclusive: milliseconds of the simulation, or lines of a history file. */
  readonly start: number;
  readonly end: number;
  readonly kind: OperationKind;
  /** The value that it adds, or would. */
  readonly value?: string | undefined;
  readonly outcome: OperationOutcome;
  /** What it found before its own change, in the last run of its edit; for a restore, what it writes back. */
  readonly saw?: State | undefined;
}

export interface MachineDescription {
  readonly name: string;
  /** Machines with the same cache share a directory. */
  readonly cache: string;
  readonly stalenessMs: number;
}

export interface History {
  readonly machines: readonly MachineDescription[];
  /** In the order of their ends. */
  readonly operations: readonly Operation[];
}

/** The observer at the end. Its look is the last operation. */
export const OBSERVER = 'final';

/**
 *     machine m1 cache c1 staleness 0
 *     m1 12..40 append v3: committed, saw v0 v1 n=2
 *     final 99..99 read: read, saw v0 v1 v3 n=2
 */
export function formatHistory({ machines, operations }: History): string {
  return [
    ...machines.map(({ name, cache, stalenessMs }) => `machine ${name} cache ${cache} staleness ${stalenessMs}`),
    ...operations.map(formatOperation),
  ].join('\n');
}

export function formatOperation({ machine, start, end, kind, value, outcome, saw }: Operation): string {
  const what = value === undefined ? kind : `${kind} ${value}`;
  const seen = saw === undefined ? '' : `, saw ${[...saw.values, `n=${saw.count}`].join(' ')}`;
  return `${machine} ${start}..${end} ${what}: ${outcome}${seen}`;
}

const MACHINE = /^machine (\S+) cache (\S+) staleness (\d+)$/;
const OPERATION = /^(\S+) (\d+)\.\.(\d+) (\S+?)(?: (\S+))?: ([a-z]+)(?:, saw ((?:\S+ )*)n=(\d+))?$/;

/** The inverse of `formatHistory`. A machine that is not described has its own cache and staleness 0. */
export function parseHistory(text: string): History {
  const machines = new Map<string, MachineDescription>();
  const operations: Operation[] = [];
  const lines = text.split('\n').map((line) => line.trim());
  for (const line of lines.filter((text) => text !== '')) {
    const described = MACHINE.exec(line);
    if (described !== null) {
      const [, name = '', cache = '', staleness] = described;
      machines.set(name, { name, cache, stalenessMs: Number(staleness) });
      continue;
    }
    const parsed = OPERATION.exec(line);
    if (parsed === null) throw new Error(`this is no line of a history: ${line}`);
    const [, machine = '', start, end, kind, value, outcome, values, count] = parsed;
    if (!machines.has(machine) && machine !== OBSERVER) {
      machines.set(machine, { name: machine, cache: machine, stalenessMs: 0 });
    }
    operations.push({
      machine,
      start: Number(start),
      end: Number(end),
      kind: kind as OperationKind,
      ...(value === undefined ? {} : { value }),
      outcome: outcome as OperationOutcome,
      ...(count === undefined
        ? {}
        : { saw: { values: (values ?? '').split(' ').filter((seen) => seen !== ''), count: Number(count) } }),
    });
  }
  return { machines: [...machines.values()], operations };
}
