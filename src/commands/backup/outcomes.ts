import { Option } from 'commander';
import { parsePositive } from '../../cli/arguments.ts';
import { EXIT_CODE, type ExitCode } from '../../cli/exit-code.ts';
import type { View } from '../../cli/print.ts';

/** How one user ended, in any of the commands. */
export interface UserResult {
  readonly username: string;
  readonly outcome: string;
  readonly version?: string | undefined;
  /** Its file in the backup. */
  readonly file?: string | undefined;
  readonly error?: string | undefined;
  readonly findings?: readonly string[] | undefined;
}

/** What a command over all users comes to. */
export interface Outcomes {
  /** Everybody with --json; else those who are not as they should be. */
  readonly users: readonly UserResult[];
  readonly counts: Readonly<Record<string, number>>;
}

/** Collects outcomes. Without --json only those that people must read, so that a million users fit in memory. */
export class OutcomeCollector<T extends UserResult> {
  readonly users: T[] = [];
  readonly counts: Record<string, number> = {};
  readonly #json: boolean;

  constructor({ json }: { readonly json: boolean }) {
    this.#json = json;
  }

  add(user: T): void {
    this.counts[user.outcome] = (this.counts[user.outcome] ?? 0) + 1;
    if (this.#json || isNotable(user)) this.users.push(user);
  }
}

/** True for a user whom an operator must hear of. */
export function isNotable({ error, findings = [] }: UserResult): boolean {
  return error !== undefined || findings.length > 0;
}

/** Runs a generator to its end, shows each value, and returns what it returns. */
export async function drained<T, R>(
  values: AsyncGenerator<T, R>,
  show: (value: T) => void | Promise<void>,
): Promise<R> {
  for (let next = await values.next(); ; next = await values.next()) {
    if (next.done === true) return next.value;
    await show(next.value);
  }
}

/**
 * Shows who is not as they should be: on a terminal in sentences that go on in the next line, in a pipe as username,
 * outcome, file and reason.
 */
export const OUTCOME_ROWS: Pick<View<Outcomes>, 'table' | 'lines'> = {
  table: ({ users }) => ({
    rows: users.filter(isNotable).map((user) => {
      // Enough of the name for a shell to complete it.
      const file = isAboutFile(user) ? ` (databases/${user.file?.slice(0, 12)}*)` : '';
      return [user.username, `${user.outcome}: ${reasonOf(user)}${file}`];
    }),
  }),
  lines: async function* ({ users }) {
    yield users.filter(isNotable).map((user) => [user.username, user.outcome, user.file ?? '', reasonOf(user)]);
  },
};

function isAboutFile({ outcome, file }: UserResult): boolean {
  return file !== undefined && ['damaged', 'missing', 'findings'].includes(outcome);
}

function reasonOf({ error, findings = [] }: UserResult): string {
  return [...(error === undefined ? [] : [error]), ...findings].join('; ');
}

// The gravest first: what may have happened, what did not, what is wrong, what somebody else decided.
const GRAVITY: readonly (readonly [outcomes: readonly string[], code: ExitCode])[] = [
  [['unknown'], EXIT_CODE.unknown],
  [['unavailable'], EXIT_CODE.unavailable],
  [['damaged', 'missing', 'refused', 'different', 'findings'], EXIT_CODE.violation],
  [['conflict'], EXIT_CODE.conflict],
  [['not-found'], EXIT_CODE['not-found']],
];

/** Returns the exit code of the gravest outcome. */
export function exitCodeOf({ counts, users }: Outcomes): ExitCode {
  const code = GRAVITY.find(([outcomes]) => outcomes.some((outcome) => (counts[outcome] ?? 0) > 0))?.[1];
  if (code !== undefined) return code;
  return users.some(({ findings = [] }) => findings.length > 0) ? EXIT_CODE.violation : EXIT_CODE.ok;
}

/** `3 stored, 997 unchanged`. */
export function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([outcome, count]) => `${count.toLocaleString('en-US')} ${outcome}`);
  return parts.length === 0 ? 'no users' : parts.join(', ');
}

export function parallelOption(): Option {
  return new Option('--parallel <n>', 'users at once').argParser(parsePositive).default(8);
}
