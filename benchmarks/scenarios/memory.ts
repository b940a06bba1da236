import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DESIGN_NAMES, type DesignName } from '../designs.ts';
import { WEEK_ONE_BYTES } from '../seed.ts';
import { type Bench, type Figure, type Scenario, sizeTitle } from './scenario.ts';
import { seedUsers } from './users.ts';

const PROCESS = fileURLToPath(new URL('./measured-operation.js', import.meta.url));

/** Measures what a large database costs besides time. */
export const memory: Scenario = {
  name: 'memory',
  question: 'How much memory does an operation on a database of 200 MB take?',
  method:
    'Each operation in a new process with an empty cache and no link; the figure is the peak of its resident memory, of ' +
    'which a Node with the SDK and SQLite loaded is what the small database shows. One process each: it hardly varies.',
  run: async (bench) => {
    const figures: Figure[] = [];
    for (const sizeBytes of [WEEK_ONE_BYTES, bench.quick ? 1_000_000 : 200_000_000]) {
      await seedUsers(bench, sizeBytes, DESIGN_NAMES);
      for (const operation of ['read', 'write'] as const) {
        bench.progress(`${operation} of ${sizeTitle(sizeBytes)}`);
        figures.push({
          name: `peak of a cold ${operation}`,
          conditions: sizeTitle(sizeBytes),
          unit: 'bytes',
          javumbo: await peakBytes(bench, 'javumbo', operation),
          weekOne: await peakBytes(bench, 'week-one', operation),
        });
      }
      await bench.server.clear();
    }
    return { figures };
  },
};

async function peakBytes(bench: Bench, name: DesignName, operation: 'read' | 'write'): Promise<number> {
  const argv = [PROCESS, name, operation, bench.server.endpoint, name, bench.directory];
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  return Number(stdout);
}
