import type { Fault, StoreOperation } from '../../databases/faulty-store.ts';
import type { OperationKind } from './history.ts';

/** What machines do and what is done to them, in one kind of weather. */
export interface Profile {
  readonly name: string;
  readonly faults: readonly Fault[];
  /** How often each operation is chosen, beside the others. */
  readonly weights: Readonly<Partial<Record<OperationKind, number>>>;
  /** Nothing is stored at the beginning, and whoever comes first makes it. */
  readonly startsEmpty: boolean;
  /** Some machines work in one cache directory, as processes of one machine do. */
  readonly sharesCaches: boolean;
  /** Each time a machine is about to go on. */
  readonly crashProbability: number;
  readonly attemptsMax: number;
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
  operations: ['put'],
  probability,
  creates,
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
// A request takes 10 ms here, so all of the others do something meanwhile.
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

/** A seed stands for one of them, by its number. */
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
  // Who does not ask again often cannot tell, and what it gave up on arrives all the same.
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
  // Without write ids nobody can tell which of two versions in a cache is newer, so each machine has its own.
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
];
