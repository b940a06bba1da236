import type { Report } from './document.ts';

/** Something that the promise of `verify consistency` rules out, as a report has it. */
export type Anomaly = NonNullable<Report['history']>['anomalies'][number];

export type AnomalyOperation = Anomaly['operations'][number];

const VERBS: Readonly<Record<string, string>> = {
  append: 'appends',
  'append-once': 'appends',
  'append-or-create': 'appends, or creates with',
  session: 'appends in a long session',
  push: 'pushes a copy with',
  create: 'creates with',
  'no-op': 'changes nothing',
  read: 'looks',
  get: 'looks',
  delete: 'deletes',
  restore: 'restores an older state',
  rename: 'sets the name to',
  foreign: 'lets another program append',
  'foreign-restore': 'lets another program put old bytes back',
};

const ENDINGS: Readonly<Record<string, string>> = {
  committed: 'it is told that this is stored',
  created: 'it is told that this is stored',
  updated: 'it is told that this is stored',
  deleted: 'it is told that this is deleted',
  unchanged: 'it is told that nothing had to change',
  read: 'it is shown that',
  found: 'it is shown that',
  absent: 'it is told that nothing is there',
  'not-found': 'it is told that nothing is there',
  exists: 'it is told that one is there already',
  conflict: 'it is told that this is not stored: conflict',
  unavailable: 'it is told that this is not stored: unavailable',
  unknown: 'it may have happened',
  crashed: 'the client is killed; it may have happened',
};

// The end of a long state says where it stands.
const SHOWN_MAX = 5;

/** Says a violation in words: what it is, and its operations in the order of time, one in a line. */
export function violationLines({ kind, about, users, sentence, operations }: Anomaly): string[] {
  const lines = operations.map((operation) => [linesOf(operation), operationWords(operation)]);
  const width = Math.max(0, ...lines.map(([where = '']) => where.length));
  return [
    `${kind}: ${sentence} (the ${about} of ${users.join(', ')})`,
    ...lines.map(([where = '', what]) => `  ${where.padEnd(width)}  ${what}`),
  ];
}

/** Says where an operation stands in the history file. */
export function linesOf({ calledAt, returnedAt }: AnomalyOperation): string {
  return `lines ${calledAt}–${returnedAt}`;
}

/** Says what an operation did, what it saw, and what it was told. */
export function operationWords({ client, kind, value, outcome, saw }: AnomalyOperation): string {
  const verb = VERBS[kind] ?? kind;
  const shown = saw === undefined ? '' : shownState(saw);
  const who = client === 'final' ? 'the observer at the end' : client;
  if (outcome === 'read' || outcome === 'found') return `${who} looks and sees ${shown}`;
  const what = value === undefined ? verb : `${verb} ${value}`;
  const base = saw === undefined || kind.endsWith('restore') ? '' : ` after ${shown}`;
  const target = kind.endsWith('restore') && saw !== undefined ? ` (${shown})` : '';
  return `${who} ${what}${base}${target}; ${ENDINGS[outcome] ?? outcome}`;
}

function shownState(values: readonly string[]): string {
  if (values.length === 0) return 'nothing';
  const last = values.slice(-SHOWN_MAX).join(' ');
  return values.length > SHOWN_MAX ? `… ${last} (${values.length} values)` : last;
}
