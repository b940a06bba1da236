import { JavumboError } from '../core/failure.ts';
import type { SqlDatabase } from '../sqlite/engine.ts';

const TABLES = ['cards', 'col', 'graves', 'notes', 'revlog'];
// Graves come and go with every synchronization.
const MAY_BE_EMPTY = 'graves';

/** What an edit may lose of a collection: which of Anki's tables are there, and whether they hold anything. */
export type Holdings = ReadonlyMap<string, boolean>;

/** Returns Anki's tables in a database. Only looks for a first row in each. */
export function holdingsOf(database: SqlDatabase): Holdings {
  const there = database
    .prepare("SELECT name FROM main.sqlite_master WHERE type = 'table' AND rootpage > 0 ORDER BY name")
    .all() as { name: string }[];
  const names = there.map(({ name }) => name).filter((name) => TABLES.includes(name));
  // Without main, a temporary table of the same name comes first.
  return new Map(
    names.map((name) => [name, database.prepare(`SELECT 1 FROM main."${name}" LIMIT 1`).get() !== undefined]),
  );
}

/** Returns the tables that were dropped, or were emptied, in words. */
export function lossesOf(before: Holdings, after: Holdings): string[] {
  return [...before].flatMap(([name, filled]) => {
    if (!after.has(name)) return `table ${name} is dropped`;
    return filled && after.get(name) === false && name !== MAY_BE_EMPTY ? `table ${name} is emptied` : [];
  });
}

/** An edit that would lose more than was agreed to; nothing of it is stored. */
export class LossError extends Error {
  readonly losses: readonly string[];

  constructor(losses: readonly string[]) {
    super(losses.join(', '));
    this.losses = losses;
  }
}

export interface AllowedLosses {
  /** Those that were agreed to. */
  readonly agreed: readonly string[];
  /** True to let any go. */
  readonly all: boolean;
  /** True to leave what is no Anki collection any more. */
  readonly force: boolean;
}

/** Throws for losses that were not agreed to, and `usage` for an edit that leaves no collection behind. */
export function refuseLosses(
  before: Holdings,
  after: Holdings,
  { agreed, all, force }: AllowedLosses,
  username: string,
): void {
  if (before.has('col') && !after.has('col') && !force) {
    throw new JavumboError('usage', `after that database "${username}" is no Anki collection: table col is gone`, {
      try: '--force, or javumbo db delete for the whole database',
      username,
    });
  }
  const losses = lossesOf(before, after).filter((loss) => !agreed.includes(loss));
  if (!all && losses.length > 0) throw new LossError(losses);
}
