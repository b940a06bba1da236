import { DESIGN_NAMES } from '../designs.ts';
import { changeOneNote, WEEK_ONE_BYTES } from '../seed.ts';
import type { LinkName, NamedLink } from '../wire/links.ts';
import { withinFloor } from './operations.ts';
import {
  type Bench,
  inTurn,
  type Measurement,
  measurementOf,
  noSamples,
  type Scenario,
  sample,
  sizeTitle,
  withBothDesigns,
} from './scenario.ts';
import { seedUsers } from './users.ts';

const MEGABYTE = 1_000_000;

/** The number of samples of each size, by link. */
const SIZES: Readonly<Record<LinkName, ReadonlyMap<number, number>>> = {
  far: new Map([
    [WEEK_ONE_BYTES, 5],
    [MEGABYTE, 4],
    [10 * MEGABYTE, 1],
  ]),
  near: new Map([
    [WEEK_ONE_BYTES, 10],
    [MEGABYTE, 10],
    [10 * MEGABYTE, 5],
    [50 * MEGABYTE, 5],
    [200 * MEGABYTE, 3],
  ]),
  none: new Map([
    [WEEK_ONE_BYTES, 20],
    [MEGABYTE, 20],
    [10 * MEGABYTE, 5],
  ]),
};

/** Measures one changed row in ever larger databases. */
export const databaseSize: Scenario = {
  name: 'database-size',
  question: 'How does the cost of changing one row grow with the database?',
  method:
    'One machine changes a row of a database that it has cached; then another, which has the version before, must ask and ' +
    'reads the new one. A closed loop on open connections. Both move the whole file; ours also copies and checks it.',
  run: async (bench) => {
    const measurements: Measurement[] = [];
    for (const link of bench.links) {
      for (const [sizeBytes, times] of SIZES[link.name]) {
        if (bench.quick && sizeBytes > MEGABYTE) continue;
        bench.progress(`${sizeTitle(sizeBytes)} over ${link.title}`);
        measurements.push(...(await measure(bench, link, sizeBytes, bench.quick ? 1 : times)));
        await bench.server.clear();
      }
    }
    const upToAMegabyte = measurements.filter(({ link, sizeBytes }) => link === 'far' && sizeBytes <= MEGABYTE);
    return { measurements, mustHolds: withinFloor(upToAMegabyte) };
  },
};

async function measure(bench: Bench, link: NamedLink, sizeBytes: number, times: number): Promise<Measurement[]> {
  await seedUsers(bench, sizeBytes, DESIGN_NAMES);
  return withBothDesigns(bench, link, async (designs) => {
    const machinesOf = async (name: (typeof DESIGN_NAMES)[number]) => {
      const [writer, reader] = [designs[name].machine(), designs[name].machine({ ttlMs: 0 })];
      await writer.read(name);
      await reader.read(name);
      return { writer, reader };
    };
    const machines = { javumbo: await machinesOf('javumbo'), 'week-one': await machinesOf('week-one') };
    const [writes, reads] = [noSamples(), noSamples()];
    await inTurn(times, async (name) => {
      const { writer, reader } = machines[name];
      writes[name].push(await sample(bench.server, () => writer.write(name, changeOneNote)));
      reads[name].push(await sample(bench.server, () => reader.read(name)));
    });
    for (const name of DESIGN_NAMES) {
      machines[name].writer.remove();
      machines[name].reader.remove();
    }
    return [
      measurementOf('one-row write', link, sizeBytes, writes),
      measurementOf('stale read', link, sizeBytes, reads),
    ];
  });
}
