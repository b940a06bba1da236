import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_CODE, type ExitCode } from '../../cli/exit-code.ts';
import { type View, written } from '../../cli/print.ts';
import { type Progress, progressBar, withProgress } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import { jsonText } from '../../core/format.ts';
import { wholeLines } from '../../core/whole-lines.ts';
import { drained, exitCodeOf, isNotable, OUTCOME_ROWS, type Outcomes, type UserResult } from '../backup/outcomes.ts';
import type { Invocation } from '../execute.ts';
import type { OutputOptions } from './options.ts';

/** What a command over many users comes to. `users`: without --json those that people must read, with it nobody. */
export interface FleetReport extends Outcomes {
  /** The users of the document, a line of JSON each. */
  readonly lines: () => AsyncIterable<string>;
  /** True if somebody has findings, whether or not `users` has them. */
  readonly found: boolean;
}

/**
 * Takes the users as they end: to standard output with --jsonl, to a file with --json, so that no number of them fills the
 * memory. Else remembers those that people must read.
 */
class UserOutput {
  readonly users: UserResult[] = [];
  readonly counts: Record<string, number> = {};
  found = false;
  readonly #invocation: Invocation;
  readonly #jsonl: boolean;
  #spool: { readonly path: string; readonly descriptor: number } | undefined;

  constructor(invocation: Invocation, { jsonl = false }: OutputOptions) {
    if (jsonl && invocation.flags.json) {
      throw new JavumboError('usage', '--json and --jsonl print different things', { try: 'one of the two' });
    }
    this.#invocation = invocation;
    this.#jsonl = jsonl;
  }

  async add(user: UserResult): Promise<void> {
    const { context, flags } = this.#invocation;
    this.counts[user.outcome] = (this.counts[user.outcome] ?? 0) + 1;
    this.found ||= (user.findings ?? []).length > 0;
    const line = `${jsonText(user)}\n`;
    if (this.#jsonl) await written(context.stdout, line, context.signal);
    else if (flags.json) await this.#keep(line);
    else if (isNotable(user)) this.users.push(user);
  }

  async #keep(line: string): Promise<void> {
    this.#spool ??= await this.#open();
    writeSync(this.#spool.descriptor, line);
  }

  async #open(): Promise<{ readonly path: string; readonly descriptor: number }> {
    const work = (await this.#invocation.deployment()).cache.workDirectory();
    const path = join(work.path, 'users.jsonl');
    const descriptor = openSync(path, 'wx', 0o600);
    this.#invocation.context.cleanUps.add(() => {
      closeSync(descriptor);
      work.release();
    });
    return { path, descriptor };
  }

  async *lines(): AsyncGenerator<string> {
    if (this.#spool === undefined) return;
    yield* wholeLines(this.#spool.path, () => new JavumboError('internal', 'a line of the result never ends'));
  }
}

/** Runs work that yields users, and shows how it goes on. `total`: how many there are, if that is known before. */
export async function collected<T extends UserResult, R>(
  invocation: Invocation,
  options: OutputOptions,
  what: string,
  work: (progress: Progress) => AsyncGenerator<T, R>,
  total: () => Promise<number | undefined> = async () => undefined,
): Promise<FleetReport & { readonly returned: R }> {
  const output = new UserOutput(invocation, options);
  const { clock, stderr } = invocation.context;
  const returned = await withProgress(invocation, async (progress) => {
    progress.show(what);
    const all = stderr.isTTY === true && !invocation.flags.quiet ? await total() : undefined;
    const startedAt = clock.monotonic();
    let count = 0;
    return drained(work(progress), async (user) => {
      await output.add(user);
      const perMs = ++count / Math.max(1, clock.monotonic() - startedAt);
      const rate = `${(perMs * 1000).toFixed(perMs < 0.01 ? 1 : 0)}/s`;
      if (all === undefined || all < count) progress.show(`${what}: ${count} users, ${rate}`);
      else progress.show(`${progressBar(what, count, all)}, ${rate}, ${leftText((all - count) / perMs)} left`);
    });
  });
  const { users, counts, found } = output;
  return { users, counts, found, lines: () => output.lines(), returned };
}

function leftText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  return seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}

export function fleetExitCode(report: FleetReport): ExitCode {
  const code = exitCodeOf(report);
  return code === EXIT_CODE.ok && report.found ? EXIT_CODE.violation : code;
}

/** Shows the users that people must read and a summary; with --json a document, with --jsonl the document's rest last. */
export function fleetView<T extends FleetReport>(
  { jsonl = false }: OutputOptions,
  {
    rest,
    summary,
    exitCode = fleetExitCode,
  }: {
    /** What the document has beside `users` and `counts`. */
    readonly rest: (report: T) => Readonly<Record<string, unknown>>;
    readonly summary: (report: T) => string;
    readonly exitCode?: (report: T) => ExitCode;
  },
): View<T> {
  const document = (report: T): Record<string, unknown> => ({ counts: report.counts, ...rest(report) });
  if (jsonl) return { text: (report) => jsonText(document(report)), verbatim: true, exitCode };
  return {
    ...OUTCOME_ROWS,
    jsonParts: async function* (report) {
      yield '{\n  "users": [';
      let count = 0;
      for await (const line of report.lines()) yield `${count++ === 0 ? '' : ','}\n    ${line}`;
      yield `${count === 0 ? '' : '\n  '}],\n${jsonText(document(report), 2).slice(2)}\n`;
    },
    text: (report, paint) => (exitCode(report) === EXIT_CODE.ok ? paint.good : paint.bad)(summary(report)),
    failures: (report) => [summary(report)],
    exitCode,
  };
}
