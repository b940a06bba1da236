/** `bench history` on the report of a run, given the medians and dates of many. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { metricOf } from '../../bench/stats.ts';
import { seededRandom } from '../../core/random.ts';
import type { Report } from '../../report/document.ts';
import { runCommand, temporaryDirectory } from '../../testing/run-command.ts';

let measured: Report;

beforeAll(async () => {
  const file = join(temporaryDirectory(), 'report.json');
  const argv = ['bench', 'latency', '--requests', '2', '--rtt', '0', '--deployment', 'local'];
  expect((await runCommand([...argv, '--report', `json=${file}`])).code).toBe(0);
  measured = JSON.parse(readFileSync(file, 'utf8'));
});

/** Writes a report for each median, a day apart; the file names are in another order than the days. */
function folderOf(medians: readonly number[], more: (run: number) => Partial<Report> = () => ({})): string {
  const directory = temporaryDirectory();
  const random = seededRandom(1);
  medians.forEach((median, run) => {
    const totalMs = metricOf(Array.from({ length: 5 }, () => median * (0.99 + random.fraction() / 50)));
    const report = {
      ...measured,
      startedAt: new Date(Date.UTC(2026, 9, 1 + run)).toISOString(),
      environment: { ...measured.environment, commit: `${run}`.padStart(8, 'c') },
      metrics: { totalMs },
      ...more(run),
    };
    writeFileSync(join(directory, `${(run * 7) % 100}.json`), JSON.stringify(report));
  });
  return directory;
}

const level = (runs: number, ms: number): number[] => Array(runs).fill(ms);

test('names the change, the run that shows it, and both levels', async () => {
  const directory = folderOf([...level(12, 50), ...level(12, 70)]);
  const history = (await runCommand(['bench', 'history', directory, '--json'])).json();
  expect(history).toMatchObject({ schemaVersion: 1, kind: 'history', skipped: [] });
  const [{ name, runs, metrics }, ...others] = history.benchmarks;
  expect({ name, others, runs: runs.length, days: runs.map((run: { startedAt: string }) => run.startedAt) }).toEqual({
    name: 'latency',
    others: [],
    runs: 24,
    days: runs.map((run: { startedAt: string }) => run.startedAt).toSorted(),
  });
  expect(metrics.totalMs.p50).toHaveLength(24);
  expect(metrics.totalMs.changes).toEqual([
    {
      run: { file: join(directory, '84.json'), startedAt: '2026-10-13T00:00:00.000Z', commit: 'cccccc12' },
      before: expect.closeTo(50, 0),
      after: expect.closeTo(70, 0),
      ratio: expect.closeTo(1.4, 1),
      p: expect.toSatisfy((p: number) => p <= 0.01),
    },
  ]);
});

test.each([
  { name: 'in UTF-8', env: { LANG: 'en_GB.UTF-8' }, plot: /^ {2}[▁▂]{12}[▇█]{12}$/m },
  { name: 'elsewhere in ASCII', env: { LANG: 'C' }, plot: /^ {2}[.:]{12}[#@]{12}$/m },
  {
    name: 'on a terminal that can do nothing, in ASCII',
    env: { LANG: 'C.UTF-8', TERM: 'dumb' },
    plot: /^ {2}[.:]{12}[#@]{12}$/m,
  },
])('people see a table and a plot, $name, in 80 columns', async ({ env, plot }) => {
  const directory = folderOf([...level(12, 50), ...level(12, 70)]);
  const { code, stdout } = await runCommand(['bench', 'history', directory, '--no-color'], { tty: true, env });
  expect(code).toBe(0);
  expect(stdout).toMatch(plot);
  expect(stdout).toMatch(/^run +commit +totalMs$/m);
  expect(stdout).toMatch(/^2026-10-13 00:00:00 UTC {3}cccccc12 +[67]\d\.\d ms$/m);
  expect(stdout).toMatch(
    /^ {2}slower by (39|40|41) % from 2026-10-13 00:00:00 UTC on: [45]\d\.\d ms → [67]\d\.\d ms$/m,
  );
  for (const line of stdout.split('\n').filter((each) => !each.includes(directory))) {
    expect([...line].length).toBeLessThanOrEqual(80);
  }
});

test('a pipe gets the same in ISO times, without the plot', async () => {
  const { stdout } = await runCommand(['bench', 'history', folderOf([...level(12, 50), ...level(12, 70)])]);
  expect(stdout).toMatch(/^2026-10-13T00:00:00\.000Z {2}cccccc12 +[67]\d\.\d ms$/m);
  expect(stdout).toMatch(/ from 2026-10-13T00:00:00\.000Z on: /);
  expect(stdout).not.toMatch(/[▁▂▇█]|\d UTC/);
});

test('of seven runs it says that they are too few, and of eight that nothing changed', async () => {
  const of = async (runs: number) => (await runCommand(['bench', 'history', folderOf(level(runs, 50))])).stdout;
  expect(await of(7)).toMatch(/^totalMs {2}.* ms, too few runs to judge$/m);
  expect(await of(8)).toMatch(/^totalMs {2}.* ms, no change$/m);
});

test('runs of other parameters are a history of their own, and what is no report is left out and named', async () => {
  const directory = folderOf(level(10, 50), (run) => (run < 4 ? { parameters: { requests: 3, notes: 1 } } : {}));
  writeFileSync(join(directory, 'package.json'), '{}');
  writeFileSync(join(directory, 'empty.json'), JSON.stringify({ ...measured, metrics: {} }));
  writeFileSync(join(directory, 'day.json'), JSON.stringify({ ...measured, kind: 'verify' }));
  mkdirSync(join(directory, 'folder.json'));
  const { code, stderr, ...result } = await runCommand(['bench', 'history', directory, '--json']);
  const { benchmarks, skipped } = result.json();
  expect(stderr.match(/^warning: .* is left out: /gm)).toHaveLength(4);
  expect(stderr).toMatch(/package\.json is left out: it is no report: its field schemaVersion is missing$/m);
  expect(code).toBe(0);
  expect(benchmarks.map(({ runs }: { runs: unknown[] }) => runs.length).sort()).toEqual([4, 6]);
  expect(skipped.map(({ file }: { file: string }) => file)).toEqual(
    ['day', 'empty', 'folder', 'package'].map((name) => join(directory, `${name}.json`)),
  );
});

test.each([
  {
    name: 'a folder that is not there',
    argv: (directory: string) => [join(directory, 'none')],
    message: /cannot be read/,
  },
  {
    name: 'a folder without reports',
    argv: () => [temporaryDirectory()],
    message: /there is no report of a benchmark in/,
  },
  {
    name: 'a metric that no run has',
    argv: (directory: string) => [directory, '--metric', 'x'],
    message: /no metric x in/,
  },
])('$name is refused', async ({ argv, message }) => {
  const { code, failure } = await runCommand(['bench', 'history', ...argv(folderOf(level(2, 50))), '--json']);
  expect(code).toBe(2);
  expect(failure()).toMatchObject({ kind: 'usage', message: expect.stringMatching(message) });
});
