import { DESIGN_NAMES, type DesignName, type Machine } from '../designs.ts';
import { changeOneNote, WEEK_ONE_BYTES } from '../seed.ts';
import type { NamedLink } from '../wire/links.ts';
import {
  atLeast,
  atMost,
  type Bench,
  inTurn,
  type Measurement,
  type MustHold,
  measurementOf,
  noSamples,
  type Scenario,
  sample,
  sizeTitle,
  withBothDesigns,
} from './scenario.ts';
import { seedUsers } from './users.ts';

const MEGABYTE = 1_000_000;

interface Machines {
  /** Has an empty cache. */
  readonly cold: Machine;
  /** Has its users' databases cached, and may use them without asking. */
  readonly warm: Machine;
  /** Has them cached, but must revalidate. */
  readonly asking: Machine;
}

interface Operation {
  readonly name: string;
  run(machines: Machines, users: Users, index: number): Promise<unknown>;
}

/** The users of one design and size. Each operation has its own, so that none changes another's cache. */
interface Users {
  readonly reader: string;
  readonly writer: string;
  readonly newcomer: string;
}

const OPERATIONS: readonly Operation[] = [
  { name: 'cold read', run: ({ cold }, { reader }) => cold.read(reader) },
  { name: 'warm read', run: ({ warm }, { reader }) => warm.read(reader) },
  { name: 'revalidated read', run: ({ asking }, { reader }) => asking.read(reader) },
  { name: 'warm write', run: ({ warm }, { writer }) => warm.write(writer, changeOneNote) },
  { name: 'cold write', run: ({ cold }, { reader }) => cold.write(`${reader}-cold`, changeOneNote) },
  { name: 'create', run: ({ warm }, { newcomer }, index) => warm.create(`${newcomer}-${index}`) },
];

/** Measures the same six operations on databases of two sizes, over each link. */
export const operations: Scenario = {
  name: 'operations',
  question: 'What does one operation cost, in requests, bytes and time?',
  method:
    'A closed loop: each operation by the one design and then by the other, on an open connection, with users of its own. ' +
    'Cold is a machine with an empty cache; warm, one that opened the database less than 300 s ago; revalidated, one that ' +
    'must ask. Create makes an empty Anki collection of 52 KB, whatever the size in the table.',
  run: async (bench) => {
    const measurements: Measurement[] = [];
    for (const link of bench.links) {
      for (const sizeBytes of bench.quick ? [WEEK_ONE_BYTES] : [WEEK_ONE_BYTES, MEGABYTE]) {
        bench.progress(`${sizeTitle(sizeBytes)} over ${link.title}`);
        measurements.push(...(await measure(bench, link, sizeBytes)));
        await bench.server.clear();
      }
    }
    return { measurements, mustHolds: mustHolds(measurements) };
  },
};

function timesFor(bench: Bench, link: NamedLink, sizeBytes: number): number {
  if (bench.quick) return 2;
  if (link.name === 'far') return sizeBytes === WEEK_ONE_BYTES ? 12 : 5;
  return (link.name === 'near' ? 20 : 40) / (bench.half ? 2 : 1);
}

function usersOf(design: DesignName): Users {
  return { reader: `${design}-reader`, writer: `${design}-writer`, newcomer: `${design}-newcomer` };
}

async function measure(bench: Bench, link: NamedLink, sizeBytes: number): Promise<Measurement[]> {
  const seeded = DESIGN_NAMES.map(usersOf).flatMap(({ reader, writer }) => [reader, `${reader}-cold`, writer]);
  await seedUsers(bench, sizeBytes, seeded);
  return withBothDesigns(bench, link, async (designs) => {
    const prepare = async (name: DesignName): Promise<Omit<Machines, 'cold'>> => {
      const { reader, writer } = usersOf(name);
      const warm = designs[name].machine();
      const asking = designs[name].machine({ ttlMs: 0 });
      await warm.read(reader);
      await warm.read(writer);
      await asking.read(reader);
      return { warm, asking };
    };
    const machines = { javumbo: await prepare('javumbo'), 'week-one': await prepare('week-one') };
    const samples = OPERATIONS.map(noSamples);
    await inTurn(timesFor(bench, link, sizeBytes), async (name, index) => {
      for (const [which, operation] of OPERATIONS.entries()) {
        const cold = designs[name].machine();
        const run = () => operation.run({ cold, ...machines[name] }, usersOf(name), index);
        samples[which]?.[name].push(await sample(bench.server, run));
        cold.remove();
      }
    });
    return OPERATIONS.map(({ name }, which) => measurementOf(name, link, sizeBytes, samples[which] ?? noSamples()));
  });
}

const FASTER_AT_LEAST = { 'cold read': 3.5, 'warm write': 1.9, 'cold write': 1.9 } as const;
const OVER_FLOOR_AT_MOST = 1.15;

function mustHolds(measurements: readonly Measurement[]): MustHold[] {
  const far = measurements.filter(({ link }) => link === 'far');
  const faster = far.flatMap(({ operation, sizeBytes, timesFaster }) => {
    const limit = FASTER_AT_LEAST[operation as keyof typeof FASTER_AT_LEAST];
    // A large file's time is its bytes, which both designs move.
    if (limit === undefined || sizeBytes !== WEEK_ONE_BYTES) return [];
    return [atLeast(`${operation} of ${sizeTitle(sizeBytes)} at 171 ms, times faster than week 1`, limit, timesFaster)];
  });
  const free = measurements
    .filter(({ operation }) => operation === 'warm read')
    .map(({ link, sizeBytes, javumbo }) =>
      atMost(`requests of a warm read of ${sizeTitle(sizeBytes)}, link ${link}`, 0, javumbo.requests),
    );
  return [...faster, ...free, ...withinFloor(far)];
}

/** Checks every measurement with a floor against it. */
export function withinFloor(measurements: readonly Measurement[]): MustHold[] {
  return measurements
    .filter(({ javumbo }) => javumbo.floorMs > 0)
    .map(({ operation, sizeBytes, javumbo }) =>
      atMost(
        `${operation} of ${sizeTitle(sizeBytes)} at 171 ms, time by its floor`,
        OVER_FLOOR_AT_MOST,
        javumbo.p50Ms / javumbo.floorMs,
      ),
    );
}
