import type { Context } from '../core/context.ts';
import { type FailureKind, JavumboError, messageOf } from '../core/failure.ts';
import { tsvField, visible } from '../core/format.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import type { ExitCode } from './exit-code.ts';
import { type OutputFlags, type Paint, PLAIN, paintFor } from './paint.ts';
import type { Table } from './table.ts';

/** How a result is shown. JSON is the result itself unless `json` says otherwise. */
export interface View<T> {
  readonly json?: (result: T) => unknown | Promise<unknown>;
  /** A table on a terminal, tab-separated lines without a header in a pipe. `people` may round; `machines` may not. */
  readonly table?: (result: T, audience: 'people' | 'machines') => Table | Promise<Table>;
  /** Tab-separated lines in a pipe, each as it comes, instead of `table`. */
  readonly lines?: (result: T) => AsyncIterable<readonly string[]>;
  /** Text on a terminal and in a pipe, instead of a table or, on a terminal, after it. */
  readonly text?: (result: T, paint: Paint) => string;
  /** It may be of any size, and only says what is stored anyway: a signal ends the process while it is laid out. */
  readonly unbounded?: true;
  /** The exit code of a result that is an answer and bad; 0 by default. */
  readonly exitCode?: (result: T) => ExitCode;
}

/** Writes a result to stdout: exactly one JSON document, or text for whoever is reading. */
export async function printResult<T>(result: T, view: View<T>, flags: OutputFlags, context: Context): Promise<void> {
  const { stdout } = context;
  const lay = runBlockingIn(view.unbounded ? context : {});
  if (flags.json) {
    const document = view.json === undefined ? result : await view.json(result);
    stdout.write(await lay(() => `${JSON.stringify(document, null, 2)}\n`));
    return;
  }
  const terminal = stdout.isTTY === true;
  if (view.lines !== undefined && !terminal) {
    for await (const row of view.lines(result)) stdout.write(tabSeparated({ rows: [row] }));
    return;
  }
  if (view.table !== undefined) {
    const table = await view.table(result, terminal ? 'people' : 'machines');
    const draw = terminal ? await drawer(table, stdout.columns ?? 80, flags, context) : () => tabSeparated(table);
    stdout.write(await lay(draw));
  }
  if (view.text !== undefined && (terminal || (view.table === undefined && view.lines === undefined))) {
    const text = view.text(result, terminal ? await paintFor(flags, context) : PLAIN);
    if (text !== '') stdout.write(`${text}\n`);
  }
}

function tabSeparated({ rows }: Table): string {
  return rows.map((row) => `${row.map(tsvField).join('\t')}\n`).join('');
}

async function drawer(table: Table, columns: number, flags: OutputFlags, context: Context): Promise<() => string> {
  if (table.rows.length === 0) return () => '';
  const { drawTable } = await import('./table.ts');
  const paint = await paintFor(flags, context);
  return () => drawTable(table, columns, paint);
}

// For a failure that knows no better: every error says what to try.
const DEFAULT_HINT: Readonly<Record<FailureKind, string>> = {
  usage: 'the same command with --help',
  'not-found': 'javumbo db list',
  conflict: 'the same command again',
  unavailable: 'the same command again, or with --verbose, which prints the causes',
  unknown: 'javumbo db info, before doing it again',
  violation: 'the same command with --verbose',
  corrupt: 'a backup, or an older version of the object',
  internal: 'the same command with --verbose, and report what it prints',
  interrupted: 'the same command again',
};

/** Writes a failure to stderr: `error:` and `try:` lines, or one JSON line as the last. Returns its kind. */
export function printFailure(
  thrown: unknown,
  flags: Pick<OutputFlags, 'json' | 'verbose'>,
  { stderr }: Pick<Context, 'stderr'>,
): FailureKind {
  const failure = thrown instanceof JavumboError ? thrown : undefined;
  const kind = failure?.kind ?? 'internal';
  const hint = failure?.try ?? DEFAULT_HINT[kind];
  const message = visible(messageOf(thrown));
  if (flags.verbose && thrown instanceof Error) {
    for (let error: unknown = thrown; error instanceof Error; error = error.cause)
      stderr.write(`${error.stack ?? error.message}\n`);
  }
  if (flags.json) {
    const { username, expectedVersion, actualVersion } = failure ?? {};
    stderr.write(
      `${JSON.stringify({ error: { kind, message, try: hint, username, expectedVersion, actualVersion } })}\n`,
    );
  } else {
    stderr.write(`error: ${message}\n`);
    stderr.write(`try:   ${visible(hint)}\n`);
  }
  return kind;
}
