import type { AccountOperation } from './account-history.ts';
import { judgeAccount } from './account-rules.ts';
import type { Operation } from './history.ts';
import type { RecordedHistory } from './history-file.ts';
import { judge } from './judge.ts';
import { missingIn } from './missing.ts';

/** One operation of a violation, as a report has it. */
export interface ViolationOperation {
  readonly client: string;
  readonly kind: string;
  readonly value?: string | undefined;
  readonly outcome: string;
  /** Lines of the history file: what returned above the line of a call had ended before it. */
  readonly calledAt: number;
  readonly returnedAt: number;
  /** The values that it saw, in their order; of a restore, those that it wrote back. */
  readonly saw?: readonly string[] | undefined;
}

/** Something that the promise rules out, in the fewest operations that were found to show it. */
export interface Violation {
  readonly kind: string;
  readonly about: 'database' | 'account';
  readonly users: readonly string[];
  readonly sentence: string;
  /** In the order of time. */
  readonly operations: readonly ViolationOperation[];
}

export interface Verdict {
  /** The shortest first: at most one of each kind and user. */
  readonly violations: readonly Violation[];
  /** Databases and accounts of which it was neither found nor ruled out. */
  readonly undetermined: number;
  /** Faults that never landed, and outcomes that never occurred. */
  readonly missing: readonly string[];
}

/** Judges what happened to each database and each account. */
export function verdictOn(recorded: RecordedHistory): Verdict {
  const violations: Violation[] = [];
  let undetermined = 0;
  for (const [user, history] of recorded.databases) {
    const judgement = judge(history);
    if (judgement.undetermined) undetermined++;
    for (const { name, sentence, witnesses } of judgement.anomalies) {
      const operations = witnesses.map(databaseOperation);
      violations.push({ kind: name, about: 'database', users: [user], sentence, operations });
    }
  }
  for (const [user, operations] of recorded.accounts) {
    const judgement = judgeAccount(operations);
    if (judgement.undetermined) undetermined++;
    for (const { name, why, witnesses } of judgement.anomalies) {
      const sentence = name === 'impossible' ? why : ACCOUNT_SENTENCES[name];
      const shown = witnesses.map(accountOperation);
      violations.push({ kind: name, about: 'account', users: [user], sentence, operations: shown });
    }
  }
  // A run that was killed has not counted its faults.
  const { faults, outcomes } = recorded;
  return { violations: shortestOf(violations), undetermined, missing: faults ? missingIn(faults, outcomes) : [] };
}

const ACCOUNT_SENTENCES = {
  denied: 'it was reported as without effect, and what it wrote is there',
  doubled: 'it is there twice',
  resurrected: 'what had been deleted is there again',
} as const;

function shortestOf(violations: readonly Violation[]): Violation[] {
  const best = new Map<string, Violation>();
  for (const violation of violations) {
    const ordered = { ...violation, operations: [...violation.operations].sort((a, b) => a.calledAt - b.calledAt) };
    const key = `${violation.kind} ${violation.about} ${violation.users.join(' ')}`;
    const known = best.get(key);
    if (known === undefined || isShorter(ordered, known)) best.set(key, ordered);
  }
  return [...best.values()].sort((a, b) => (isShorter(a, b) ? -1 : 1));
}

/** Fewer operations are shorter; of equally many, those that show less, and then the earlier ones. */
function isShorter(a: Violation, b: Violation): boolean {
  return lengths(a) < lengths(b);
}

function lengths({ operations }: Violation): number {
  const shown = operations.reduce((sum, { saw = [] }) => sum + saw.length, 0);
  return operations.length * 1e9 + shown * 1e4 + Math.min(9_999, (operations.at(-1)?.returnedAt ?? 0) / 1e4);
}

function databaseOperation(operation: Operation): ViolationOperation {
  const { machine: client, kind, value, outcome, start, end, saw } = operation;
  return { ...operationOf({ client, kind, value, outcome, start, end }), ...(saw && { saw: saw.values }) };
}

function accountOperation(operation: AccountOperation): ViolationOperation {
  const { client, kind, token: value, outcome, start, end, saw } = operation;
  return { ...operationOf({ client, kind, value, outcome, start, end }), ...(saw && { saw: saw.name.split(' ') }) };
}

function operationOf(
  given: Pick<Operation, 'start' | 'end' | 'value'> & { client: string; kind: string; outcome: string },
): ViolationOperation {
  const { client, kind, value, outcome, start, end } = given;
  return {
    client,
    kind,
    ...(value === undefined ? {} : { value }),
    outcome,
    calledAt: start + 1,
    returnedAt: end + 1,
  };
}
