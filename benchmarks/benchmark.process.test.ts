/** Runs the whole benchmark, small and without a link: its counts must be true, its times do not matter. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../src/core/random.ts';
import { runScript } from '../src/testing/child-process.ts';
import { temporaryDirectory } from '../src/testing/run-command.ts';
import { startS3Server } from '../src/testing/s3-server/server.ts';
import { concluded, type RunRecord, readRecord, type ScenarioRecord } from './record.ts';
import { visitsOf } from './scenarios/many-users.ts';
import { atLeast, atMost } from './scenarios/scenario.ts';
import { BUCKET } from './wire/bucket.ts';

/** Compiled by `npm test`. */
const BENCHMARK = fileURLToPath(new URL('../dist-benchmarks/benchmarks/main.js', import.meta.url));

const directory = temporaryDirectory();
// Without a PATH there is no Ceph, so scenarios on an engine are skipped.
const environment = { HOME: directory, PATH: '' };
const NAMES = [
  'operations',
  'review-session',
  'contention',
  'many-users',
  'database-size',
  'memory',
  'start-up',
  'load',
];
const ENGINE_NAMES = ['operations-on-engine', 'review-session-on-engine', 'contention-on-engine'];

describe('a quick run without a link', () => {
  let record: RunRecord;

  beforeAll(async () => {
    const argv = ['--quick', '--link', 'none', '--out', directory];
    const { code, stdout, stderr } = await runScript(BENCHMARK, argv, environment);
    // Start-up has limits that a machine busy with tests may miss; it was measured all the same.
    expect([0, 7], stderr).toContain(code);
    expect(stdout).toBe(`${join(directory, 'README.md')}\n`);
    const [file = ''] = readdirSync(directory).filter((name) => name.endsWith('.json'));
    record = readRecord(join(directory, file));
  });

  const scenario = (name: string): ScenarioRecord => {
    const found = record.scenarios.find((each) => each.name === name);
    if (found === undefined) throw new Error(`${name} is not in the record`);
    return found;
  };
  const counted = (name: string, of: 'javumbo' | 'weekOne') =>
    Object.fromEntries((scenario(name).figures ?? []).map((figure) => [figure.name, figure[of]]));

  test('every scenario ends, and nothing but the start of processes may miss its limit', () => {
    const ended = record.scenarios.filter(({ skipped }) => skipped === undefined);
    expect(ended.map(({ name, error }) => ({ name, error }))).toEqual(NAMES.map((name) => ({ name })));
    expect(record.failureReasons.filter((reason) => !reason.includes('node -e 0'))).toEqual([]);
  });

  test('what wants a real engine is skipped where there is none, and the page says why', () => {
    const skipped = record.scenarios.filter((each) => each.skipped !== undefined);
    expect(skipped.map(({ name }) => name)).toEqual(ENGINE_NAMES);
    const page = readFileSync(join(directory, 'README.md'), 'utf8');
    expect(page.match(/\*\*Not measured:\*\* radosgw is not installed/g)).toHaveLength(ENGINE_NAMES.length);
  });

  test('each operation makes the requests that docs/architecture.md lists for ours, and week 1’s makes its own', () => {
    expect(requestsOf(scenario('operations'))).toEqual(REQUESTS);
  });

  test('a review of 20 cards is one GET and 20 PUTs of 24,576 bytes; week 1 asks twice as often', () => {
    const [{ javumbo, weekOne } = expect.fail()] = scenario('review-session').measurements ?? [];
    expect(javumbo).toMatchObject({ requests: 21, bytesDown: 24_576, bytesUp: 20 * 24_576 });
    expect(weekOne).toMatchObject({ requests: 42, bytesDown: 24_576, bytesUp: 20 * 24_576 });
  });

  test('of contending writers nothing is lost here, and the baseline’s losses are shown', () => {
    expect(counted('contention', 'javumbo')).toMatchObject({ acknowledged: 10, lost: 0 });
    const { acknowledged = 0, lost = 0 } = counted('contention', 'weekOne');
    expect(acknowledged).toBe(10);
    expect(lost).toBeGreaterThan(0);
  });

  test('many users: both designs download as often, and only one uploads what it has read', () => {
    const [ours, weekOne] = [counted('many-users', 'javumbo'), counted('many-users', 'weekOne')];
    const writes = visitsOf(60, 100, seededRandom(7)).filter(({ reads }) => !reads).length;
    expect(ours.uploads).toBe(writes);
    expect(weekOne.uploads).toBe(60);
    expect(ours.requests).toBe((ours.downloads ?? 0) + writes);
  });

  test('one row changed moves the whole file, once', () => {
    for (const { operation, sizeBytes, javumbo } of scenario('database-size').measurements ?? []) {
      const { bytesUp, bytesDown, requests } = javumbo;
      expect(requests).toBe(1);
      const [moved, other] = operation === 'stale read' ? [bytesDown, bytesUp] : [bytesUp, bytesDown];
      expect(other).toBe(0);
      expect(moved).toBeGreaterThan(0.95 * sizeBytes);
      expect(moved).toBeLessThanOrEqual(sizeBytes);
    }
  });

  test('the page has every question, and every plot that it shows is there', () => {
    const page = readFileSync(join(directory, 'README.md'), 'utf8');
    for (const { question } of record.scenarios) expect(page).toContain(question);
    const plots = [...page.matchAll(/\]\(([a-z-]+\.svg)\)/g)].map((match) => match[1] ?? '');
    expect(plots).toEqual(['operations-none.svg', 'contention-lost.svg', 'contention-wasted.svg']);
    for (const plot of plots) expect(readFileSync(join(directory, plot), 'utf8')).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
  });
});

const REQUESTS = [
  ['cold read', 1, 4],
  ['warm read', 0, 2],
  ['revalidated read', 1, 3],
  ['warm write', 1, 2],
  ['cold write', 2, 4],
  ['create', 1, 2],
];

function requestsOf({ measurements = [] }: ScenarioRecord): unknown[] {
  return measurements.map(({ operation, javumbo, weekOne }) => [operation, javumbo.requests, weekOne.requests]);
}

describe('an engine that is named', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };
  const argvFor = (endpoint: string, out: string) => [
    ...['--quick', '--link', 'none', '--engine', endpoint, '--out', out],
    ...ENGINE_NAMES.flatMap((name) => ['--only', name]),
  ];

  test('is measured by what the client counts, which is what the server saw, and is left as it was', async () => {
    const server = await startS3Server({ accessKeyId: 'key' });
    try {
      const out = join(directory, 'engine');
      const { code, stderr } = await runScript(BENCHMARK, argvFor(server.endpoint, out), { ...environment, ...keys });
      expect({ code, stderr: stderr.match(/^(missed|warning): .*$/gm) }).toEqual({ code: 0, stderr: null });
      const [file = ''] = readdirSync(out).filter((name) => name.endsWith('.json'));
      const [operations, review, contention] = readRecord(join(out, file)).scenarios;
      expect(operations && requestsOf(operations)).toEqual(REQUESTS);
      expect(operations?.engine).toBe(`the S3 engine at ${server.endpoint}`);
      expect(review?.measurements?.[0]).toMatchObject({
        javumbo: { requests: 21, bytesDown: 24_576, bytesUp: 20 * 24_576, connections: 0 },
        weekOne: { requests: 42, bytesDown: 24_576, bytesUp: 20 * 24_576, connections: 0 },
      });
      const ours = Object.fromEntries((contention?.figures ?? []).map(({ name, javumbo }) => [name, javumbo]));
      expect(ours).toMatchObject({ acknowledged: 10, lost: 0 });
      expect(server.counts.operations).toMatchObject({ CreateBucket: 3, DeleteBucket: 3 });
    } finally {
      await server.close();
    }
  });

  test('keeps a bucket of that name that holds anything', async () => {
    const server = await startS3Server({ buckets: [BUCKET] });
    try {
      server.putObject(BUCKET, 'precious', Buffer.from('theirs'));
      const out = join(directory, 'theirs');
      const { code, stderr } = await runScript(BENCHMARK, argvFor(server.endpoint, out), { ...environment, ...keys });
      expect(code).toBe(1);
      expect(stderr).toContain(`bucket ${BUCKET} is not empty: it holds precious`);
      expect(server.keys(BUCKET)).toEqual(['precious']);
    } finally {
      await server.close();
    }
  });
});

test('one scenario measured again takes its own place in the day’s record', async () => {
  const before = scenarioNames();
  const argv = ['--quick', '--link', 'none', '--only', 'review-session', '--out', directory];
  const { stderr } = await runScript(BENCHMARK, argv, environment);
  expect(stderr).toMatch(/^review-session \(\d+ s\)/m);
  expect(scenarioNames()).toEqual(before);
});

function scenarioNames(): string[] {
  const [file = ''] = readdirSync(directory).filter((name) => name.endsWith('.json'));
  return readRecord(join(directory, file)).scenarios.map(({ name }) => name);
}

test.concurrent.each([
  { argv: ['--only', 'nothing'], message: /no scenario "nothing": operations, / },
  { argv: ['--link', 'satellite'], message: /no link "satellite": far, near, none/ },
  { argv: ['--fast'], message: /--fast/ },
  { argv: ['--engine', 'https://s3.example'], message: /a link can stand before http/ },
  { argv: ['--engine', 'http://127.0.0.1:9'], message: /needs AWS_ACCESS_KEY_ID/ },
])('$argv is refused, and says what there is', async ({ argv, message }) => {
  const { code, stderr } = await runScript(BENCHMARK, argv, environment);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

const SCENARIO = { name: 'a', question: '', method: '', startedAt: '', durationMs: 0, loadAverage: 0 };

describe('what must hold', () => {
  const held = (mustHolds: ScenarioRecord['mustHolds'], expected = ['a']): RunRecord =>
    concluded(
      {
        startedAt: '',
        durationMs: 0,
        quick: false,
        environment: {} as RunRecord['environment'],
        links: [],
        scenarios: [{ ...SCENARIO, ...(mustHolds && { mustHolds }) }],
      },
      expected,
    );

  test.each([
    { name: 'passes where it does', record: held([atLeast('x', 3.5, 3.5), atMost('y', 1.15, 1.15)]), reasons: [] },
    {
      name: 'fails below the least',
      record: held([atLeast('x', 3.5, 3.49)]),
      reasons: ['x: 3.49, must be at least 3.5'],
    },
    { name: 'fails above the most', record: held([atMost('y', 0, 1)]), reasons: ['y: 1.00, must be at most 0'] },
    {
      name: 'fails where nothing was measured',
      record: held([atMost('y', 1, Number.NaN)]),
      reasons: ['y: NaN, must be at most 1'],
    },
    { name: 'fails where a scenario is missing', record: held([], ['a', 'b']), reasons: ['b has not run'] },
  ])('$name', ({ record, reasons }) => {
    expect(record.failureReasons).toEqual(reasons);
    expect(record.pass).toBe(reasons.length === 0);
  });
});

test.each([
  {
    name: 'a machine that others used is doubted',
    busyShare: 0.11,
    doubts: [/^a: others used 11 % of the processors/],
  },
  { name: 'one that was quiet is not, whatever ran before', busyShare: 0.1, doubts: [] },
])('$name', ({ busyShare, doubts }) => {
  const run = { startedAt: '', durationMs: 0, quick: false, environment: {} as RunRecord['environment'], links: [] };
  const record = concluded({ ...run, scenarios: [{ ...SCENARIO, loadAverage: 9, busyShare }] }, ['a']);
  expect(record.doubts).toEqual(doubts.map((doubt) => expect.stringMatching(doubt)));
});
