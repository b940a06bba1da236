import { type Visit, visitorsOf } from '../../src/bench/workload.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { DESIGN_NAMES, type DesignName } from '../designs.ts';
import { changeOneNote, WEEK_ONE_BYTES } from '../seed.ts';
import type { NamedLink } from '../wire/links.ts';
import { type Bench, type Figure, type Scenario, trafficBetween, withBothDesigns } from './scenario.ts';
import { seedUsers } from './users.ts';

const USERS = 1_000;
// A machine serves one user at a time; this many machines have requests under way.
const LANES = 4;
const MIX = { read: 70, write: 30 };
const SEED = 7;

/** Measures many users with a cache that is too small for them. */
export const manyUsers: Scenario = {
  name: 'many-users',
  question: 'What do 1,000 users cost, of whom the cache holds a quarter?',
  method:
    'Visits drawn once, by a seeded Zipf distribution with exponent 1, and made by both designs alike: seven of ten read, ' +
    'the others change a row. Four closed loops on one machine, each with users of its own. Week 1 bounds its cache by a ' +
    'clean-up that an operator runs; here it runs after every visit, and its time is counted.',
  run: async (bench) => {
    const users = bench.quick ? 100 : USERS;
    const visits = visitsOf(bench.quick ? 60 : 2_000, users, seededRandom(SEED));
    const figures: Figure[] = [];
    // On the far link it would take ten minutes for the same result.
    for (const link of bench.links.filter(({ name }) => name !== 'far')) {
      const costs = {} as Record<DesignName, Cost>;
      for (const name of DESIGN_NAMES) {
        bench.progress(`${visits.length} visits, ${name}, ${link.title}`);
        costs[name] = await visitAll(bench, link, name, visits, users);
      }
      const figure = (name: string, unit: Figure['unit'], of: (cost: Cost) => number): Figure => {
        const conditions = `${visits.length} visits, ${link.name}`;
        return { name, conditions, unit, javumbo: of(costs.javumbo), weekOne: of(costs['week-one']) };
      };
      figures.push(
        figure('requests', 'count', ({ requests }) => requests),
        figure('downloads', 'count', ({ downloads }) => downloads),
        figure('uploads', 'count', ({ puts }) => puts),
        figure('bytes down', 'bytes', ({ bytesDown }) => bytesDown),
        figure('bytes up', 'bytes', ({ bytesUp }) => bytesUp),
        figure('all visits', 'ms', ({ ms }) => ms),
      );
    }
    return { figures };
  },
};

interface Cost {
  readonly requests: number;
  readonly downloads: number;
  readonly puts: number;
  readonly bytesDown: number;
  readonly bytesUp: number;
  readonly ms: number;
}

/** Returns which users come, in what order and for what. */
export function visitsOf(count: number, users: number, random: Random): Visit[] {
  return Array.from({ length: count }, visitorsOf({ users, skew: 1, mix: MIX }, random));
}

async function visitAll(
  bench: Bench,
  link: NamedLink,
  name: DesignName,
  visits: readonly Visit[],
  users: number,
): Promise<Cost> {
  const username = (user: number): string => `${name}-${user}`;
  await seedUsers(
    bench,
    WEEK_ONE_BYTES,
    Array.from({ length: users }, (_, user) => username(user)),
  );
  const cost = await withBothDesigns(bench, link, async (designs) => {
    const machine = designs[name].machine({ cacheBytesMax: (users / 4) * WEEK_ONE_BYTES });
    const before = await bench.server.counts();
    const startedAt = performance.now();
    const lane = async (which: number): Promise<void> => {
      for (const { user, reads } of visits.filter((visit) => visit.user % LANES === which)) {
        if (reads) await machine.read(username(user));
        else await machine.write(username(user), changeOneNote);
        machine.keepHouse();
      }
    };
    await Promise.all(Array.from({ length: LANES }, (_, which) => lane(which)));
    const ms = performance.now() - startedAt;
    const { gets, ...traffic } = trafficBetween(before, await bench.server.counts());
    machine.remove();
    return { ...traffic, downloads: gets, ms };
  });
  await bench.server.clear();
  return cost;
}
