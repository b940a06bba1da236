import { closeSync, openSync, writeSync } from 'node:fs';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import type { AccountOperation, AccountOperationKind, AccountOutcome, AccountState } from './account-history.ts';
import type { History, Operation, OperationKind, OperationOutcome, State } from './history.ts';

/** The first line of a history file. */
export interface HistoryHeader {
  readonly kind: 'consistency';
  readonly schemaVersion: 1;
  readonly run: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly deployment: Readonly<Record<string, unknown>> & { readonly kind: 'local' | 'aws' };
  readonly seed: number;
  readonly users: readonly string[];
  /** The faults that must land. */
  readonly faults: readonly string[];
  readonly sabotage?: string | undefined;
}

/** Appended before an operation begins. */
export interface Call {
  /** Unique in the file. */
  readonly call: string;
  readonly client: string;
  readonly user: string;
  readonly about: 'database' | 'account';
  readonly kind: OperationKind | AccountOperationKind;
  readonly value?: string | undefined;
  /** Its client may read what is older: it promises only to show its own writes, and never to go back. */
  readonly stale?: boolean;
  /** What a restore writes back. */
  readonly saw?: State | undefined;
}

/** Appended when it has ended. */
export interface Return {
  readonly return: string;
  readonly outcome: OperationOutcome | AccountOutcome;
  readonly saw?: State | AccountState | undefined;
  /** What a defect threw. */
  readonly error?: string | undefined;
}

export interface FaultCounts {
  readonly fired: number;
  /** How often it did what its name says: docs/verify-consistency.md. */
  readonly landed: number;
}

export type Faults = Readonly<Record<string, FaultCounts>>;

/** What else happened: a client was killed, or the run ended and counted its faults. */
export type Note = { readonly killed: string } | { readonly faults: Faults };

/**
 * Appends to a history. Each line is written with one call to a file that is open for appending, so that the lines of many
 * processes have one order, and what a process has written is there even if it is killed then. That order is the clock of
 * the history: what returned above the line of a call had ended before it.
 */
export class HistoryWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, 'a', 0o600);
  }

  append(line: HistoryHeader | Call | Return | Note): void {
    // It begins a line of its own, even below half a line of a process that was killed while it wrote.
    writeSync(this.#file, `\n${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Makes the file of a history. Throws `usage` if there is one already, or if it cannot be written. */
export function startHistory(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    const what = codeOf(error) === 'EEXIST' ? 'is there already' : `cannot be written: ${messageOf(error)}`;
    throw new JavumboError('usage', `${path} ${what}`, { try: 'another file for --history' });
  }
}

/** The outcomes as a report has them, whatever they are about. */
export const OUTCOMES = ['committed', 'unchanged', 'conflict', 'not-found', 'unavailable', 'unknown', 'read'] as const;

export type ReportedOutcome = (typeof OUTCOMES)[number];

const REPORTED: Readonly<Partial<Record<OperationOutcome | AccountOutcome, ReportedOutcome>>> = {
  committed: 'committed',
  created: 'committed',
  updated: 'committed',
  deleted: 'committed',
  unchanged: 'unchanged',
  conflict: 'conflict',
  exists: 'conflict',
  absent: 'not-found',
  'not-found': 'not-found',
  unavailable: 'unavailable',
  unknown: 'unknown',
  read: 'read',
  found: 'read',
};

/** Returns an outcome as a report has it; undefined for one that no operation may have. */
export function reportedOutcome(outcome: Return['outcome']): ReportedOutcome | undefined {
  return REPORTED[outcome];
}

/** A history file that was read. */
export interface RecordedHistory {
  readonly header: HistoryHeader;
  /** By user. */
  readonly databases: ReadonlyMap<string, History>;
  readonly accounts: ReadonlyMap<string, readonly AccountOperation[]>;
  /** Operations that returned. */
  readonly operations: number;
  readonly outcomes: Readonly<Record<ReportedOutcome, number>>;
  /** Undefined if the run did not live to its end. */
  readonly faults: Faults | undefined;
  /** The errors of operations that failed. */
  readonly errors: readonly string[];
}

/** Reads a history, also of a run that was killed. Throws `usage` for anything else. */
export function readHistory(text: string, path: string): RecordedHistory {
  const lines = text.split('\n').flatMap((line, number) => {
    const parsed = parsedLine(line);
    return parsed === undefined ? [] : [{ ...parsed, number }];
  });
  const header = lines[0] as unknown as HistoryHeader | undefined;
  if (header?.kind !== 'consistency' || header.schemaVersion !== 1) {
    throw new JavumboError('usage', `${path} is no history of verify consistency`, {
      try: 'a file that --history wrote',
    });
  }
  const returns = new Map(
    lines.flatMap((line) => ('return' in line ? [[line.return, line as Return & Numbered]] : [])),
  );
  const calls = lines.filter((line): line is Call & Numbered => 'call' in line);
  const last = lines.at(-1)?.number ?? 0;
  const databases = new Map<string, Operation[]>();
  const accounts = new Map<string, AccountOperation[]>();
  const outcomes = Object.fromEntries(OUTCOMES.map((name) => [name, 0])) as Record<ReportedOutcome, number>;
  for (const call of calls) {
    const ended = returns.get(call.call);
    const reported = ended === undefined ? undefined : REPORTED[ended.outcome];
    if (reported !== undefined) outcomes[reported]++;
    const span = { start: call.number, end: ended?.number ?? last + 1 };
    if (call.about === 'account') add(accounts, call.user, accountOperation(call, ended, span));
    else add(databases, call.user, databaseOperation(call, ended, span));
  }
  const stale = new Set(calls.flatMap(({ client, stale = false }) => (stale ? [client] : [])));
  // How much older is a matter of time, of which a history has none.
  const machines = [...stale].map((name) => ({ name, cache: name, stalenessMs: Number.POSITIVE_INFINITY }));
  const counted = lines.find((line) => 'faults' in line && !('kind' in line)) as { faults: Faults } | undefined;
  return {
    header,
    databases: new Map([...databases].map(([user, operations]) => [user, { machines, operations }])),
    accounts,
    operations: returns.size,
    outcomes,
    faults: counted?.faults,
    errors: [...returns.values()].flatMap(({ error }) => error ?? []),
  };
}

interface Numbered {
  readonly number: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Undefined for an empty line, and for the half one of a process that was killed while it wrote. */
function parsedLine(line: string): object | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function databaseOperation(call: Call, ended: Return | undefined, span: Span): Operation {
  const saw = (ended?.saw ?? call.saw) as State | undefined;
  return {
    machine: call.client,
    ...span,
    kind: call.kind as OperationKind,
    ...(call.value === undefined ? {} : { value: call.value }),
    outcome: (ended?.outcome as OperationOutcome | undefined) ?? 'crashed',
    ...(saw === undefined ? {} : { saw }),
  };
}

function accountOperation(call: Call, ended: Return | undefined, span: Span): AccountOperation {
  const saw = ended?.saw as AccountState | undefined;
  return {
    client: call.client,
    user: call.user,
    ...span,
    kind: call.kind as AccountOperationKind,
    ...(call.value === undefined ? {} : { token: call.value }),
    outcome: (ended?.outcome as AccountOutcome | undefined) ?? 'unknown',
    ...(saw === undefined ? {} : { saw }),
  };
}

function add<T>(to: Map<string, T[]>, user: string, operation: T): void {
  const known = to.get(user);
  if (known === undefined) to.set(user, [operation]);
  else known.push(operation);
}
