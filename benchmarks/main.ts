/**
 * The benchmarks of the design, beside week 1's, over a real wire.
 *
 *   npm run benchmark [-- --quick] [--only <scenario>]… [--link far|near|none]… [--out <directory>]
 *
 * With --only, the day's record keeps what it has of the other scenarios.
 *
 * Exit code 0: all that must hold holds; 7: something was missed; 2: the request is wrong; 1: a scenario failed.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { EXIT_CODE } from '../src/cli/exit-code.ts';
import {
  concluded,
  loadAverage,
  type RunRecord,
  readRecord,
  runEnvironment,
  type ScenarioRecord,
  writeRecord,
} from './record.ts';
import { markdownOf } from './report/markdown.ts';
import { plotsOf } from './report/scenario-plots.ts';
import { contention } from './scenarios/contention.ts';
import { databaseSize } from './scenarios/database-size.ts';
import { manyUsers } from './scenarios/many-users.ts';
import { memory } from './scenarios/memory.ts';
import { operations } from './scenarios/operations.ts';
import { reviewSession } from './scenarios/review-session.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { startUp } from './scenarios/start-up.ts';
import { LINK_NAMES, LINKS, type LinkName } from './wire/links.ts';
import { startRemoteServer } from './wire/remote-server.ts';

const SCENARIOS: readonly Scenario[] = [
  operations,
  reviewSession,
  contention,
  manyUsers,
  databaseSize,
  memory,
  startUp,
];

const RESULTS = fileURLToPath(new URL('../../benchmarks/results/', import.meta.url));

class UsageError extends Error {}

interface Options {
  readonly quick: boolean;
  readonly scenarios: readonly Scenario[];
  readonly links: RunRecord['links'];
  readonly out: string;
}

function parse(argv: string[]): Options {
  let values: { quick?: boolean; only?: string[]; link?: string[]; out?: string };
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string', multiple: true },
        link: { type: 'string', multiple: true },
        out: { type: 'string' },
      },
    }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const { quick = false, only = SCENARIOS.map(({ name }) => name), link = [...LINK_NAMES], out = RESULTS } = values;
  const names = SCENARIOS.map(({ name }) => name);
  for (const name of only) {
    if (!names.includes(name)) throw new UsageError(`there is no scenario "${name}": ${names.join(', ')}`);
  }
  for (const name of link) {
    if (!LINK_NAMES.includes(name as LinkName))
      throw new UsageError(`there is no link "${name}": ${LINK_NAMES.join(', ')}`);
  }
  return {
    quick,
    scenarios: SCENARIOS.filter(({ name }) => only.includes(name)),
    links: LINKS.filter(({ name }) => link.includes(name)),
    out,
  };
}

/** Runs the scenarios one after the other; the record is written anew after each. */
async function run({ quick, scenarios, links, out }: Options): Promise<RunRecord> {
  mkdirSync(out, { recursive: true });
  const startedAt = new Date();
  const begun = performance.now();
  const file = `${startedAt.toISOString().slice(0, 10)}.json`;
  const environment = await runEnvironment();
  const kept = keptOf(join(out, file), { quick, scenarios, links });
  const done: ScenarioRecord[] = [];
  const record = (): RunRecord => {
    const run = { startedAt: startedAt.toISOString(), durationMs: performance.now() - begun, quick, environment };
    const all = inOrder([...kept, ...done]);
    const expected = [...kept, ...scenarios].map(({ name }) => name);
    const concludedRun = concluded({ ...run, links, scenarios: all }, expected);
    writeRecord(join(out, file), concludedRun);
    return concludedRun;
  };
  // Before the work: a directory that cannot be written to is found out now.
  record();
  for (const scenario of scenarios) {
    done.push(await runOne(scenario, quick, links, environment.commit));
    const plots = plotsOf({ scenarios: inOrder([...kept, ...done]) });
    for (const plot of plots) writeFileSync(join(out, plot.file), plot.svg);
    writeFileSync(join(out, 'README.md'), markdownOf(record(), file, plots));
  }
  return record();
}

/** The scenarios of an earlier run of the day that are not measured now, where it measured as this one does. */
function keptOf(path: string, now: Pick<Options, 'quick' | 'scenarios' | 'links'>): ScenarioRecord[] {
  if (!existsSync(path)) return [];
  const earlier = readRecord(path);
  const alike = earlier.quick === now.quick && isDeepStrictEqual(earlier.links, now.links);
  return alike ? earlier.scenarios.filter((each) => !now.scenarios.some(({ name }) => name === each.name)) : [];
}

function inOrder(records: readonly ScenarioRecord[]): ScenarioRecord[] {
  return SCENARIOS.flatMap(({ name }) => records.filter((record) => record.name === name));
}

async function runOne(
  scenario: Scenario,
  quick: boolean,
  links: RunRecord['links'],
  commit: string | undefined,
): Promise<ScenarioRecord> {
  const { name, question, method } = scenario;
  const begun = performance.now();
  const about = {
    name,
    question,
    method,
    startedAt: new Date().toISOString(),
    loadAverage: loadAverage(),
    ...(commit === undefined ? {} : { commit }),
  };
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-benchmark-'));
  const server = await startRemoteServer();
  const progress = (text: string): void => {
    const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
    process.stderr.write(`${name} (${seconds} s): ${text}\n`);
  };
  try {
    const findings = await scenario.run({ server, directory, quick, links, progress });
    return { ...about, durationMs: performance.now() - begun, ...findings };
  } catch (error) {
    process.stderr.write(`${name}: ${(error as Error).stack}\n`);
    return { ...about, durationMs: performance.now() - begun, error: (error as Error).message };
  } finally {
    await server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

try {
  const options = parse(process.argv.slice(2));
  const record = await run(options);
  for (const doubt of record.doubts) process.stderr.write(`doubt: ${doubt}\n`);
  for (const reason of record.failureReasons) process.stderr.write(`missed: ${reason}\n`);
  process.stdout.write(`${join(options.out, 'README.md')}\n`);
  const broke = record.scenarios.some(({ error }) => error !== undefined);
  process.exitCode = record.pass ? EXIT_CODE.ok : broke ? EXIT_CODE.internal : EXIT_CODE.violation;
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = error instanceof UsageError ? EXIT_CODE.usage : EXIT_CODE.internal;
}
