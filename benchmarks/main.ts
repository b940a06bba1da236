/**
 * The benchmarks of the design, beside week 1's, over a real wire.
 *
 *   npm run benchmark [-- --quick] [--only <scenario>]… [--link far|near|none]… [--engine <url>] [--out <directory>]
 *
 * With --only, the record keeps what the latest one has of the other scenarios. Those on a real engine run on the S3 at
 * --engine, with the keys that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY hold, in a bucket of their own; else on a Ceph
 * RGW that is started for them, where its packages are installed.
 *
 * Exit code 0: all that must hold holds; 7: something was missed; 2: the request is wrong; 1: a scenario failed.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { EXIT_CODE } from '../src/cli/exit-code.ts';
import { useCredentials } from './designs.ts';
import {
  busyShare,
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
import { load } from './scenarios/load.ts';
import { manyUsers } from './scenarios/many-users.ts';
import { memory } from './scenarios/memory.ts';
import { onEngine } from './scenarios/on-engine.ts';
import { operations } from './scenarios/operations.ts';
import { reviewSession } from './scenarios/review-session.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { startUp } from './scenarios/start-up.ts';
import { type Engine, RunEngine } from './wire/engine.ts';
import { connectEngine } from './wire/engine-server.ts';
import { LINK_NAMES, LINKS, type LinkName } from './wire/links.ts';
import { type RemoteServer, startRemoteServer } from './wire/remote-server.ts';

const SCENARIOS: readonly Scenario[] = [
  operations,
  reviewSession,
  contention,
  manyUsers,
  databaseSize,
  memory,
  startUp,
  load,
  // Last, because an engine keeps working after its last request.
  ...[operations, reviewSession, contention].map(onEngine),
];

const RESULTS = fileURLToPath(new URL('../../benchmarks/results/', import.meta.url));

class UsageError extends Error {}

interface Options {
  readonly quick: boolean;
  readonly scenarios: readonly Scenario[];
  readonly links: RunRecord['links'];
  readonly engine: Engine | undefined;
  readonly out: string;
}

function parse(argv: string[]): Options {
  let values: { quick?: boolean; only?: string[]; link?: string[]; engine?: string; out?: string };
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        quick: { type: 'boolean' },
        only: { type: 'string', multiple: true },
        link: { type: 'string', multiple: true },
        engine: { type: 'string' },
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
    engine: values.engine === undefined ? undefined : engineAt(values.engine, process.env),
    out,
  };
}

function engineAt(endpoint: string, env: NodeJS.ProcessEnv): Engine {
  if (!/^http:\/\/[^/]+\/?$/.test(endpoint)) {
    throw new UsageError(`--engine "${endpoint}": a link can stand before http://<host>:<port> only`);
  }
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey) {
    throw new UsageError('--engine needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  }
  return { title: `the S3 engine at ${endpoint}`, endpoint, credentials: { accessKeyId, secretAccessKey } };
}

/** Runs the scenarios in turn, and rewrites the record after each. */
async function run({ quick, scenarios, links, out }: Options, engine: RunEngine): Promise<RunRecord> {
  mkdirSync(out, { recursive: true });
  const startedAt = new Date();
  const begun = performance.now();
  const file = `${startedAt.toISOString().slice(0, 10)}.json`;
  const environment = await runEnvironment();
  const kept = keptOf(out, { quick, scenarios, links });
  const done: ScenarioRecord[] = [];
  const record = (): RunRecord => {
    const run = { startedAt: startedAt.toISOString(), durationMs: performance.now() - begun, quick, environment };
    const all = inOrder([...kept, ...done]);
    const expected = [...kept, ...scenarios].map(({ name }) => name);
    const concludedRun = concluded({ ...run, links, scenarios: all }, expected);
    writeRecord(join(out, file), concludedRun);
    return concludedRun;
  };
  // Before the work, to find a directory that cannot be written to.
  record();
  for (const scenario of scenarios) {
    done.push(await runOne(scenario, quick, links, environment.commit, engine));
    const plots = plotsOf({ scenarios: inOrder([...kept, ...done]) });
    for (const plot of plots) writeFileSync(join(out, plot.file), plot.svg);
    writeFileSync(join(out, 'README.md'), markdownOf(record(), file, plots));
  }
  return record();
}

/** Returns the latest record's scenarios that this run does not measure, if measured with the same options. */
function keptOf(out: string, now: Pick<Options, 'quick' | 'scenarios' | 'links'>): ScenarioRecord[] {
  const latest = readdirSync(out)
    .filter((name) => /^\d{4}-\d\d-\d\d\.json$/.test(name))
    .sort()
    .at(-1);
  if (latest === undefined) return [];
  const earlier = readRecord(join(out, latest));
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
  engine: RunEngine,
): Promise<ScenarioRecord> {
  const { name, question, method } = scenario;
  const about = {
    name,
    question,
    method,
    startedAt: new Date().toISOString(),
    loadAverage: loadAverage(),
    busyShare: await busyShare(),
    ...(commit === undefined ? {} : { commit }),
  };
  const begun = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'javumbo-benchmark-'));
  const progress = (text: string): void => {
    const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
    process.stderr.write(`${name} (${seconds} s): ${text}\n`);
  };
  let server: RemoteServer | undefined;
  try {
    if (scenario.engine === true) {
      const found = await engine.get();
      if ('absent' in found) {
        progress(`not measured: ${found.absent}`);
        return { ...about, durationMs: performance.now() - begun, skipped: found.absent };
      }
      server = await connectEngine(found, directory);
    } else server = await startRemoteServer();
    useCredentials(server.credentials);
    const findings = await scenario.run({ server, directory, quick, half: false, links, progress });
    return { ...about, engine: server.engine, durationMs: performance.now() - begun, ...findings };
  } catch (error) {
    process.stderr.write(`${name}: ${(error as Error).stack}\n`);
    return { ...about, durationMs: performance.now() - begun, error: (error as Error).message };
  } finally {
    await server?.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

try {
  const options = parse(process.argv.slice(2));
  const engine = new RunEngine(options.engine);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // The engine is not a child of this process, and would outlive it.
    process.once(signal, () => void engine.stop().finally(() => process.exit(EXIT_CODE.interrupted)));
  }
  const record = await run(options, engine).finally(() => engine.stop());
  for (const doubt of record.doubts) process.stderr.write(`doubt: ${doubt}\n`);
  for (const reason of record.failureReasons) process.stderr.write(`missed: ${reason}\n`);
  process.stdout.write(`${join(options.out, 'README.md')}\n`);
  const broke = record.scenarios.some(({ error }) => error !== undefined);
  process.exitCode = record.pass ? EXIT_CODE.ok : broke ? EXIT_CODE.internal : EXIT_CODE.violation;
} catch (error) {
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = error instanceof UsageError ? EXIT_CODE.usage : EXIT_CODE.internal;
}
