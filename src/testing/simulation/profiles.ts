import type { Fault, StoreOperation } from '../../consistency/faulty-store.ts';
import type { OperationKind } from '../../consistency/history.ts';
import type { DeletionKind } from '../../store/tombstone.ts';

/** One mix of operations and faults. */
export interface Profile {
  readonly name: string;
  readonly faults: readonly Fault[];
  /** The relative frequency of each operation. */
  readonly weights: Readonly<Partial<Record<OperationKind, number>>>;
  /** Nothing is stored at first, and the first machine creates it. */
  readonly startsEmpty: boolean;
  /** Some machines share a cache directory, like processes of one machine. */
  readonly sharesCaches: boolean;
  /** Applies whenever a machine is about to continue. */
  readonly crashProbability: number;
  readonly attemptsMax: number;
  readonly deletion?: DeletionKind;
  /** Before each operation: a digit in a cached file changes. */
  readonly cacheDamageProbability?: number;
  /** Before each operation: the machine's clock is set. */
  readonly clockJumpProbability?: number;
  /** The allowed staleness of machines, if not the usual one. */
  readonly stalenessMs?: readonly number[];
  /** The pause between two operations of a machine, if not almost none. */
  readonly pauseMs?: number;
}

const ALL: readonly StoreOperation[] = ['get', 'head', 'put', 'delete', 'list'];

const lostRequest = (probability: number): Fault => ({
  name: 'lost-request',
  direction: 'upstream',
  operations: ALL,
  probability,
});
const lostReply = (probability: number, operations = ALL): Fault => ({
  name: 'lost-reply',
  direction: 'downstream',
  operations,
  probability,
});
const lateRequest = (probability: number, creates: boolean): Fault => ({
  name: 'late-request',
  direction: 'upstream',
  operations: ['put', 'delete'],
  probability,
  creates,
});
const repeated = (probability: number): readonly Fault[] => [
  { name: 'repeated-request', direction: 'upstream', operations: ['put', 'delete'], probability },
  { name: 'throttled-repeat', direction: 'upstream', operations: ['put', 'delete'], probability: probability / 2 },
];
const damagedReply = (probability: number): Fault => ({
  name: 'damaged-reply',
  direction: 'downstream',
  operations: ['get'],
  probability,
});
const contended = (probability: number): Fault => ({
  name: 'contended',
  direction: 'upstream',
  operations: ['put', 'delete'],
  probability,
});
const throttled = (probability: number): Fault => ({
  name: 'throttled',
  direction: 'upstream',
  operations: ALL,
  probability,
});
// A request takes 10 ms, so all others do something meanwhile.
const delays = (probability: number): readonly Fault[] => [
  { name: 'delay', direction: 'upstream', operations: ALL, probability, longestMs: 100 },
  { name: 'delay', direction: 'downstream', operations: ALL, probability, longestMs: 100 },
];

const WORK: Profile['weights'] = {
  append: 5,
  'append-or-create': 1,
  session: 2,
  increment: 4,
  'no-op': 1,
  throwing: 1,
  read: 4,
  'held-read': 1,
  push: 1,
};

const CALM: Profile = {
  name: 'calm',
  faults: delays(0.3),
  weights: WORK,
  startsEmpty: false,
  sharesCaches: true,
  crashProbability: 0,
  attemptsMax: 3,
};

/** A seed selects one by number. */
export const PROFILES: readonly Profile[] = [
  CALM,
  { ...CALM, name: 'lost replies', faults: [lostReply(0.4, ['put']), lostReply(0.1), ...delays(0.1)] },
  { ...CALM, name: 'lost requests', faults: [lostRequest(0.3), lostReply(0.1), ...delays(0.1)] },
  {
    ...CALM,
    name: 'late requests',
    faults: [lateRequest(0.4, true), lostReply(0.1), ...delays(0.2)],
    attemptsMax: 4,
  },
  // With few retries an operation ends in doubt, and what it gave up on still arrives.
  {
    ...CALM,
    name: 'no patience',
    faults: [lateRequest(0.2, true), lostReply(0.25), ...delays(0.1)],
    attemptsMax: 1,
  },
  { ...CALM, name: 'busy store', faults: [contended(0.3), throttled(0.2), lostReply(0.05), ...delays(0.1)] },
  {
    ...CALM,
    name: 'crashes',
    faults: [lostReply(0.1), lateRequest(0.1, true), ...delays(0.2)],
    crashProbability: 0.02,
  },
  {
    ...CALM,
    name: 'race to create',
    faults: [lostReply(0.2), lateRequest(0.2, true), lostRequest(0.1), ...delays(0.1)],
    weights: { ...WORK, create: 3, 'append-or-create': 5 },
    startsEmpty: true,
  },
  {
    ...CALM,
    name: 'everything',
    faults: [lostRequest(0.1), lateRequest(0.1, true), contended(0.1), throttled(0.1), lostReply(0.15), ...delays(0.1)],
    startsEmpty: true,
    crashProbability: 0.01,
  },
  // Without write ids no one can tell which of two cached versions is newer, so each machine has its own cache.
  {
    ...CALM,
    name: 'another program',
    faults: [lostReply(0.3, ['put']), lateRequest(0.1, true), ...delays(0.1)],
    weights: { ...WORK, foreign: 5 },
    sharesCaches: false,
  },
  {
    ...CALM,
    name: 'deletes',
    faults: [lostRequest(0.1), lateRequest(0.15, false), contended(0.05), lostReply(0.2), ...delays(0.1)],
    weights: { ...WORK, create: 2, 'append-or-create': 3, delete: 3 },
  },
  { ...CALM, name: 'repeated requests', faults: [...delays(0.1), ...repeated(0.3), lostReply(0.1, ['put'])] },
  {
    ...CALM,
    name: 'repeated requests and deletes',
    // Last, so that no one gets between two copies: a delete there could not be detected. (docs/consistency.md)
    faults: [...delays(0.1), lateRequest(0.1, false), lostReply(0.1), ...repeated(0.25)],
    weights: { ...WORK, create: 2, 'append-or-create': 3, delete: 3 },
  },
  // A late create is refused by the tombstone.
  {
    ...CALM,
    name: 'deletes on an engine that does not compare',
    faults: [lostRequest(0.1), lateRequest(0.2, true), ...repeated(0.1), lostReply(0.15), ...delays(0.1)],
    weights: { ...WORK, create: 2, 'append-or-create': 3, delete: 3 },
    deletion: 'tombstone',
  },
  // A create waits for an absence to recur.
  {
    ...CALM,
    name: 'creates and deletes',
    faults: [...delays(0.2), lostReply(0.35, ['put']), lateRequest(0.05, false)],
    weights: { create: 6, delete: 5, read: 6, append: 1 },
  },
  // A restored version recurs, and with it what a late request waits for.
  {
    ...CALM,
    name: 'restores',
    faults: [lateRequest(0.3, true), ...repeated(0.05), lostReply(0.1), ...delays(0.2)],
    weights: { ...WORK, restore: 5, increment: 0 },
    attemptsMax: 2,
  },
  {
    ...CALM,
    name: 'damage',
    faults: [damagedReply(0.15), lostReply(0.05), ...delays(0.1)],
    cacheDamageProbability: 0.15,
    // A process does not recheck a cached file that it found sound.
    sharesCaches: false,
  },
  {
    ...CALM,
    name: 'clocks that are set',
    faults: [lostReply(0.05), ...delays(0.2)],
    weights: { ...WORK, read: 8 },
    clockJumpProbability: 0.5,
    stalenessMs: [200],
    pauseMs: 150,
  },
];
