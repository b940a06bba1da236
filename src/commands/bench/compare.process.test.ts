/** `bench compare` on reports of runs on a loopback server, with the samples of one that is sound and of one that is slowed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metricOf } from '../../bench/stats.ts';
import { seededRandom } from '../../core/random.ts';
import type { Report } from '../../report/document.ts';
import { type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { type CommandResult, runCommand, temporaryDirectory } from '../../testing/run-command.ts';

let deployment: CommandDeployment;
let directory: string;
const fileOf = (name: string): string => join(directory, `${name}.json`);

async function measure(name: string, ...argv: string[]): Promise<void> {
  const bench = ['bench', 'latency', '--requests', '20', ...argv, '--report', `json=${fileOf(name)}`];
  expect((await deployment.run(bench)).code).toBe(0);
}

/** Writes a measured report with other samples: how long a request takes here depends on what else the machine does. */
function withSamples(name: string, from: string, samplesOf: (metric: string) => readonly number[]): void {
  const report: Report = JSON.parse(readFileSync(fileOf(from), 'utf8'));
  const metrics = Object.fromEntries(
    Object.keys(report.metrics).map((metric) => [metric, metricOf(samplesOf(metric))]),
  );
  writeFileSync(fileOf(name), JSON.stringify({ ...report, metrics }));
}

const MEANS: Readonly<Record<string, number>> = { downloadMs: 42, queryMs: 3, uploadMs: 44, totalMs: 89 };

/** Twenty samples that vary by a tenth, without a drift; slower by `factor` where the network is used. */
const samplesOf =
  (seed: number, factor: number) =>
  (metric: string): readonly number[] => {
    const random = seededRandom(seed);
    const mean = (MEANS[metric] ?? Number.NaN) * (metric === 'queryMs' ? 1 : factor);
    return Array.from({ length: 20 }, () => mean * (0.95 + random.fraction() / 10));
  };

const compare = (before: string, after: string, ...argv: string[]): Promise<CommandResult> =>
  runCommand(['bench', 'compare', fileOf(before), fileOf(after), ...argv]);

beforeAll(async () => {
  directory = temporaryDirectory();
  deployment = await openOnS3();
  await measure('measured');
  withSamples('before', 'measured', samplesOf(1, 1));
  withSamples('slowed', 'measured', samplesOf(2, 1.3));
  await measure('larger', '--notes', '11');
  deployment.server?.inject({ fault: 'refuse-before', operation: 'PutObject', status: 403, times: 1_000 });
  const refused = await deployment.run([
    'bench',
    'latency',
    '--requests',
    '20',
    '--report',
    `json=${fileOf('refused')}`,
  ]);
  expect(refused.code).toBe(5);
  await runCommand(['verify', 'day2', '--deployment', 'local', '--quiet', '--report', `json=${fileOf('day2')}`]);
});

afterAll(() => deployment.close());

describe('a server slowed by 30 %', () => {
  test('is worse, and fails a gate of 10 % with exit code 7', async () => {
    const result = await compare('before', 'slowed', '--fail-on-regression', '10%', '--json');
    expect(result.code).toBe(7);
    const { metrics, failureReasons, failOnRegressionPercent } = result.json();
    for (const name of ['downloadMs', 'uploadMs', 'totalMs']) {
      expect({ name, verdict: metrics[name].verdict }).toEqual({ name, verdict: 'worse' });
      expect(failureReasons.join('\n')).toMatch(new RegExp(`^${name} is [\\d.]+ % slower, at least `, 'm'));
    }
    expect(failOnRegressionPercent).toBe(10);
  });

  test('is worse and fails nothing without a gate, or with a wider one', async () => {
    const open = await compare('before', 'slowed', '--json');
    expect({ code: open.code, passed: open.json().passed }).toEqual({ code: 0, passed: true });
    expect((await compare('before', 'slowed', '--fail-on-regression', '400')).code).toBe(0);
  });

  test('was better before', async () => {
    const result = await compare('slowed', 'before', '--metric', 'totalMs', '--fail-on-regression', '10 %', '--json');
    expect(result.code).toBe(0);
    expect(result.json().metrics).toEqual({ totalMs: expect.objectContaining({ verdict: 'better' }) });
  });

  test('is shown to people in a table of 80 columns, the same each time', async () => {
    const { stdout } = await compare('before', 'slowed', '--fail-on-regression', '10%');
    expect(stdout).toMatch(/^totalMs +\S+ ms +\S+ ms +\+\d+\.\d % +\+\d+\.\d to \+\d+\.\d % {2}worse$/m);
    expect(stdout).toMatch(/^failed: totalMs is /m);
    const table = stdout.split('\n').filter((line) => /^(median|\w+Ms) /.test(line) || line.startsWith('bench '));
    expect(table.length).toBeGreaterThanOrEqual(6);
    for (const line of table) expect(line.length).toBeLessThanOrEqual(80);
    expect((await compare('before', 'slowed', '--fail-on-regression', '10%')).stdout).toBe(stdout);
  });
});

test('both runs are drawn, with the verdict first', async () => {
  const page = join(directory, 'page.html');
  const drawn = ['--fail-on-regression', '10%', '--report', `html=${page}`];
  expect((await compare('before', 'slowed', ...drawn)).code).toBe(7);
  const text = readFileSync(page, 'utf8');
  const order = ['✗ Failed', 'worse: downloadMs, uploadMs, totalMs', 'slower, at least', '>before<', '>after<'];
  const places = order.map((part) => text.indexOf(part));
  expect(places).not.toContain(-1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect((await compare('slowed', 'before', '--metric', 'totalMs', '--report', `html=${page}`)).code).toBe(0);
  expect(readFileSync(page, 'utf8')).toMatch(/✓ Better<(?!.*uploadMs)/s);
});

test('a run is no different from itself', async () => {
  const { code, stdout } = await compare('before', 'before', '--fail-on-regression', '0%');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^totalMs .* within noise$/m);
});

test.each([
  {
    name: 'of another size',
    files: ['before', 'larger'],
    argv: [],
    says: /parameters\.notes is 10 in the first and 11 in the second/,
  },
  {
    name: 'of verify',
    files: ['before', 'day2'],
    argv: [],
    says: /kind is bench in the first and verify in the second/,
  },
  {
    name: 'that measured nothing',
    files: ['before', 'refused'],
    argv: [],
    says: /refused\.json measured nothing: put /,
  },
  { name: 'that is not there', files: ['before', 'none'], argv: [], says: /none\.json cannot be read/ },
  { name: 'that is none', files: ['before', 'text'], argv: [], says: /text\.json is no report/ },
  {
    name: 'without the metric that is asked for',
    files: ['before', 'slowed'],
    argv: ['--metric', 'totalms'],
    says: /has no metric "totalms"/,
  },
  {
    name: 'whose comparison would be written in another form',
    files: ['before', 'slowed'],
    argv: ['--report', 'json=x.json'],
    says: /It must be html=<file>$/m,
  },
  {
    name: 'with a gate that is no percentage',
    files: ['before', 'slowed'],
    argv: ['--fail-on-regression', 'ten'],
    says: /percentage/,
  },
])('a report $name is refused with exit code 2', async ({ files: [before = '', after = ''], argv, says }) => {
  writeFileSync(fileOf('text'), 'text');
  const { code, stdout, stderr } = await compare(before, after, ...argv);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(says);
});

describe('metrics that one of the runs does not have', () => {
  const without = (name: string, ...metrics: string[]): void => {
    const report = JSON.parse(readFileSync(fileOf('before'), 'utf8'));
    for (const metric of metrics) delete report.metrics[metric];
    writeFileSync(fileOf(name), JSON.stringify(report));
  };

  test.each([
    { name: 'vanished', files: ['before', 'fewer'], where: 'before' },
    { name: 'are new', files: ['fewer', 'before'], where: 'before' },
  ])('and that $name are warned of, and fail a gate', async ({ files: [before = '', after = ''], where }) => {
    without('fewer', 'uploadMs');
    const reason = `uploadMs is only in ${fileOf(where)}, and was not compared`;
    const open = await compare(before, after, '--json');
    expect({ code: open.code, ...open.json() }).toMatchObject({ code: 0, passed: true });
    expect(open.json().warnings).toContain(reason);
    const gated = await compare(before, after, '--fail-on-regression', '10%', '--json');
    expect({ code: gated.code, ...gated.json() }).toMatchObject({ code: 7, passed: false, failureReasons: [reason] });
  });

  test('and that nobody asked for do not matter', async () => {
    without('fewer', 'uploadMs');
    const argv = ['--metric', 'totalMs', '--fail-on-regression', '10%', '--json'];
    const result = await compare('before', 'fewer', ...argv);
    expect(result.code).toBe(0);
    expect(result.json().warnings.join()).not.toContain('uploadMs');
  });

  test.each([{ argv: [] }, { argv: ['--fail-on-regression', '10%'] }])(
    'and are all that there is are refused ($argv)',
    async ({ argv }) => {
      without('left', 'uploadMs', 'totalMs');
      without('right', 'downloadMs', 'queryMs');
      const { code, stdout, stderr } = await compare('left', 'right', ...argv);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^error: the two runs have no metric in common: downloadMs is only in \S+left\.json/);
    },
  );
});

test('reports of another machine are compared with a warning', async () => {
  const elsewhere = JSON.parse(readFileSync(fileOf('before'), 'utf8'));
  elsewhere.environment.cpuModel = 'another';
  writeFileSync(fileOf('elsewhere'), JSON.stringify(elsewhere));
  const { code, stdout } = await compare('before', 'elsewhere');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^warning: cpuModel is .* and another in the second: run both in one place$/m);
});

test.each([
  { where: 'on a terminal as people read them', tty: true, time: /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/ },
  { where: 'in a pipe in ISO 8601', tty: false, time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ },
])('the times of the runs are shown $where, also of one that drifted', async ({ tty, time }) => {
  withSamples('drifted', 'measured', (metric) => samplesOf(1, 1)(metric).map((sample, index) => sample + index * 10));
  const { stdout } = await runCommand(['bench', 'compare', fileOf('before'), fileOf('drifted'), '--no-color'], { tty });
  const times = stdout.match(/\d{4}-\d\d-\d\d(T\S+?Z| \S+ UTC)/g) ?? [];
  expect(stdout).toContain('drifted during the run');
  expect(times.length).toBeGreaterThanOrEqual(3);
  for (const each of times) expect(each).toMatch(time);
});
