import type { Context, Output } from '../core/context.ts';
import { type FailureKind, JavumboError, messageOf } from '../core/failure.ts';
import { jsonText, outgoing, visible } from '../core/format.ts';
import { runBlockingIn } from '../core/run-blocking.ts';
import type { Cell } from './cells.ts';
import type { ExitCode } from './exit-code.ts';
import { type OutputFlags, type Paint, PLAIN, paintFor } from './paint.ts';
import { fitted, message } from './prose.ts';
import type { Screen } from './row-formats.ts';
import { tabSeparated } from './tab-separated.ts';
import type { Table } from './table.ts';

/** How to show a result. JSON is the result itself unless `json` says otherwise. */
export interface View<T> {
  readonly json?: (result: T) => unknown | Promise<unknown>;
  /** A table on a terminal, tab-separated lines without a head in a pipe. */
  readonly table?: (result: T) => Table | Promise<Table>;
  /** A table of names and values, instead of `table`. Omits undefined values. */
  readonly fields?: (result: T) => Readonly<Record<string, Cell>>;
  /** The JSON document in parts, as they come, instead of `json`. */
  readonly jsonParts?: (result: T) => AsyncIterable<string>;
  /** Text in parts, as they come, on a terminal and in a pipe, instead of `table`. */
  readonly parts?: (result: T, screen: Screen) => AsyncIterable<string>;
  /** Tab-separated lines in a pipe, in batches as they come, instead of `table`. */
  readonly lines?: (result: T) => AsyncIterable<readonly (readonly Cell[])[]>;
  /** Finding the rest has no use without a reader. Else it goes on: it may be work. */
  readonly endsWithReader?: true;
  /** Text on a terminal and in a pipe; beside a table only on a terminal, below it. */
  readonly text?: (result: T, paint: Paint) => string;
  /** The text is somebody else's, such as SQL, or for a program: a terminal gets its lines as they are. */
  readonly verbatim?: true;
  /** What went wrong, a line each, for stderr: in a pipe, `text` beside a table is not shown. */
  readonly failures?: (result: T) => readonly string[];
  /** Lets a signal end the process during layout: the result may be of any size, and only shows what is stored. */
  readonly unbounded?: true;
  /** The exit code of a bad answer; 0 by default. */
  readonly exitCode?: (result: T) => ExitCode;
}

/** Writes a result to stdout: exactly one JSON document, a table, or text. */
export async function printResult<T>(result: T, view: View<T>, flags: OutputFlags, context: Context): Promise<void> {
  const { stdout } = context;
  const lay = runBlockingIn(view.unbounded ? context : {});
  if (flags.json && view.jsonParts !== undefined) {
    await writeParts(view.jsonParts(result), context, view.endsWithReader ?? false);
    return;
  }
  if (flags.json) {
    const document = view.json === undefined ? result : await view.json(result);
    stdout.write(await lay(() => `${jsonText(document, 2)}\n`));
    return;
  }
  const terminal = stdout.isTTY === true;
  if (view.parts !== undefined) {
    const screen = terminal ? { columns: stdout.columns || 80, paint: await paintFor(flags, context) } : {};
    await writeParts(view.parts(result, screen), context, view.endsWithReader ?? false);
    return;
  }
  if (view.lines !== undefined && !terminal) {
    await writeParts(texts(view.lines(result)), context, view.endsWithReader ?? false);
  }
  const table = view.lines !== undefined && !terminal ? undefined : await tableOf(result, view);
  if (table !== undefined) {
    const draw = terminal ? await drawer(table, stdout.columns || 80, flags, context) : () => tabSeparated(table);
    stdout.write(await lay(draw));
  }
  if (view.text !== undefined && (terminal || (table === undefined && view.lines === undefined))) {
    const text = view.text(result, terminal ? await paintFor(flags, context) : PLAIN);
    const fit = terminal && view.verbatim !== true;
    if (text !== '') stdout.write(`${fit ? fitted(outgoing(text), stdout.columns || 80) : outgoing(text)}\n`);
  }
  if (!terminal)
    for (const line of view.failures?.(result) ?? [])
      context.stderr.write(`${message(outgoing(line), context.stderr)}\n`);
}

async function* texts(batches: AsyncIterable<Table['rows']>): AsyncGenerator<string> {
  for await (const rows of batches) yield tabSeparated({ rows });
}

const abandoned = new WeakSet<Output>();

/** True for an output whose reader was not waited for any longer: what it has not taken is lost. */
export function isAbandoned(output: Output): boolean {
  return abandoned.has(output);
}

/** Writes each part when the system has taken the one before. Without a reader it ends, or goes on for the work's sake. */
export async function writeParts(
  parts: AsyncIterable<string | Uint8Array>,
  { stdout, signal }: Pick<Context, 'stdout' | 'signal'>,
  endsWithReader: boolean,
): Promise<void> {
  let isGone = false;
  try {
    for await (const part of parts) {
      if (isGone) continue;
      isGone = (await written(stdout, part, signal)) instanceof Error;
      if (isGone && endsWithReader) return;
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    // Nobody waits for a reader that is slow, or has stopped.
    abandoned.add(stdout);
    throw new JavumboError('interrupted', 'interrupted while the result was being printed', { cause: error });
  }
}

/** Resolves when the system has taken the text, with the error if it has not. A signal ends the wait, with its reason. */
export function written(stdout: Output, text: string | Uint8Array, signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = (): void => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    stdout.write(text, (error) => {
      signal?.removeEventListener('abort', onAbort);
      resolve(error);
    });
  });
}

async function tableOf<T>(result: T, { table, fields }: View<T>): Promise<Table | undefined> {
  if (fields === undefined) return table?.(result);
  return { rows: Object.entries(fields(result)).filter(([, value]) => value !== undefined) };
}

async function drawer(table: Table, columns: number, flags: OutputFlags, context: Context): Promise<() => string> {
  if (table.rows.length === 0) return () => '';
  const { drawTable } = await import('./table.ts');
  const paint = await paintFor(flags, context);
  return () => drawTable(table, columns, paint);
}

// Every error says what to try; these are for failures without a hint of their own.
const DEFAULT_HINT: Readonly<Record<FailureKind, string>> = {
  usage: 'the same command with --help',
  'not-found': 'javumbo db list',
  conflict: 'the same command again',
  unavailable: 'the same command again, or with --verbose, which prints the causes',
  unknown: 'javumbo db info, before doing it again',
  violation: 'the same command with --verbose',
  corrupt: 'javumbo db history for an earlier version, or a backup',
  internal: 'the same command with --verbose, and report what it prints',
  interrupted: 'the same command again',
};

/** Writes a failure to stderr, as `error:` and `try:` lines or as a last line of JSON. Returns its kind. */
export function printFailure(
  thrown: unknown,
  flags: Pick<OutputFlags, 'json' | 'verbose'>,
  { stderr }: Pick<Context, 'stderr'>,
): FailureKind {
  const failure = thrown instanceof JavumboError ? thrown : undefined;
  const kind = failure?.kind ?? 'internal';
  const hint = failure?.try ?? DEFAULT_HINT[kind];
  const told = visible(messageOf(thrown));
  if (flags.verbose && thrown instanceof Error) {
    for (let error: unknown = thrown; error instanceof Error; error = error.cause)
      stderr.write(`${outgoing(error.stack ?? error.message)}\n`);
  }
  if (flags.json) {
    const { username, expectedVersion, actualVersion } = failure ?? {};
    stderr.write(
      `${jsonText({ error: { kind, message: told, try: hint, username, expectedVersion, actualVersion } })}\n`,
    );
  } else {
    stderr.write(`${message(`error: ${told}`, stderr)}\n`);
    stderr.write(`${message(`try:   ${visible(hint)}`, stderr)}\n`);
  }
  return kind;
}
