/** What `verify` lets people choose, what it shows them while it runs, and what it leaves behind. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TEST_USER_PREFIX } from '../../core/test-data.ts';
import { NO_USAGE } from '../../core/usage.ts';
import type { Report } from '../../report/document.ts';
import { BUCKET, COMMAND_DEPLOYMENTS, type CommandDeployment, openOnS3 } from '../../testing/command-deployments.ts';
import { freshMachine, type Json, runCommand } from '../../testing/run-command.ts';
import { keepVersions } from '../../testing/versioned-bucket.ts';
import type { Test } from '../../verify/check.ts';
import { DAYS, type Day } from '../../verify/days.ts';
import { runDays, type VerifyOptions, type VerifyResult } from '../../verify/run.ts';

vi.mock('bcryptjs', () => import('../../testing/quick-bcrypt.ts'));

let env: ReturnType<typeof freshMachine>;

beforeEach(() => {
  env = freshMachine();
});

async function verify(...argv: string[]): Promise<{ code: number; report: Report; ids: string[] }> {
  const result = await runCommand(['verify', ...argv, '--rtt', '0', '--json', '--quiet'], { env });
  const report = result.json<Report>();
  return { code: result.code, report, ids: report.checks.map(({ id, status }) => `${id} ${status}`) };
}

describe('--only', () => {
  test.each([
    { argv: ['day2', '--only', '2.2'], ids: ['2.2 passed'] },
    { argv: ['day2', '--only', '2.2,2.1'], ids: ['2.1 passed', '2.2 passed'] },
    { argv: ['day2', '--only', '2.2', '--only', '2.1'], ids: ['2.1 passed', '2.2 passed'] },
    { argv: ['all', '--only', '2.1, 4.1'], ids: ['2.1 passed', '4.1 passed'] },
  ])('$argv runs $ids', async ({ argv, ids }) => {
    const run = await verify(...argv);
    expect(run).toMatchObject({ code: 0, ids, report: { passed: true, failureReasons: [] } });
    expect(run.report.parameters).toEqual({ only: expect.stringMatching(/^[\d.,]+$/) });
  });

  test.each([
    { argv: ['day2', '--only', '4.2'], message: /there is no test 4\.2 here/, hint: /2\.1, 2\.2, 2\.3/ },
    { argv: ['day2', '--only', '2.1,2.9,nonsense'], message: /no test 2\.9 or nonsense/, hint: /2\.1, 2\.2, 2\.3/ },
    { argv: ['all', '--only', '9.1'], message: /no test 9\.1/, hint: /1\.1, .*5\.3/ },
    { argv: ['day2', '--only', '2.1,'], message: /number of a test/, hint: /--help/ },
    { argv: ['day2', '--only', ''], message: /number of a test/, hint: /--help/ },
  ])('$argv is refused before anything is opened', async ({ argv, message, hint }) => {
    const { code, stdout, ...result } = await runCommand(['verify', ...argv, '--json', '--quiet'], { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(result.failure()).toMatchObject({
      kind: 'usage',
      message: expect.stringMatching(message),
      try: expect.stringMatching(hint),
    });
  });
});

/** A day of scripted tests, run without a command around it. */
async function run(tests: readonly Partial<Test>[], options: Partial<VerifyOptions & { signal: AbortSignal }> = {}) {
  const seen: string[] = [];
  const day = (name: string, of: readonly Partial<Test>[]): Day => ({
    name,
    description: name,
    tests: of.map(({ id = '' }) => id),
    timed: false,
    prepare: async () => of.map((each) => ({ id: '', name: 'a test', try: 'something', run: passes, ...each })),
  });
  const context = { clock: { monotonic: () => 0 }, signal: options.signal } as Json;
  const deployment = {
    usage: () => NO_USAGE,
  } as Json;
  const result: VerifyResult = await runDays(
    { finish: (parts) => parts as Json },
    [day('one', tests), day('two', [{ id: '2.1' }])],
    deployment,
    context,
    { failFast: false, noSkips: false, ...options },
    { started: ({ id }) => seen.push(id), ended: () => {} },
  );
  const { checks, passed, failureReasons } = result.report;
  const ids = checks.map(({ id, status, reason }) => `${id} ${status}${reason === undefined ? '' : `: ${reason}`}`);
  return { seen, ids, passed, failureReasons, failure: result.failure, days: result.days };
}

const passes: Test['run'] = async (assert) => assert('it holds', true);
const fails: Test['run'] = async (assert) => assert('it holds', false);

describe('a run of two days', () => {
  test('goes on after a failure', async () => {
    expect(await run([{ id: '1.1', run: fails }, { id: '1.2' }])).toMatchObject({
      seen: ['1.1', '1.2', '2.1'],
      passed: false,
      failureReasons: ['test 1.1: it holds'],
      days: [
        { name: 'one', passed: 1, failed: 1, skipped: 0 },
        { name: 'two', passed: 1, failed: 0, skipped: 0 },
      ],
    });
  });

  test('with --fail-fast skips what comes after a failure, of every day, and says why', async () => {
    expect(await run([{ id: '1.1' }, { id: '1.2', run: fails }, { id: '1.3' }], { failFast: true })).toMatchObject({
      seen: ['1.1', '1.2'],
      ids: [
        '1.1 passed',
        '1.2 failed: it holds',
        '1.3 skipped: test 1.2 failed, and --fail-fast was given',
        '2.1 skipped: test 1.2 failed, and --fail-fast was given',
      ],
      passed: false,
    });
  });

  test('lists what cannot run here with its reason, and passes', async () => {
    expect(await run([{ id: '1.1', skipReason: 'there is no user table' }, { id: '1.2' }])).toMatchObject({
      seen: ['1.2', '2.1'],
      ids: ['1.1 skipped: there is no user table', '1.2 passed', '2.1 passed'],
      passed: true,
      failureReasons: [],
    });
  });

  test('with --no-skips fails for what cannot run here', async () => {
    expect(
      await run([{ id: '1.1', skipReason: 'there is no user table' }, { id: '1.2' }], { noSkips: true }),
    ).toMatchObject({
      seen: ['1.2', '2.1'],
      passed: false,
      failureReasons: ['test 1.1: skipped: there is no user table'],
    });
  });

  test('does not pass where nothing of a day ran', async () => {
    expect(await run([{ id: '1.1', skipReason: 'a' }])).toMatchObject({
      passed: false,
      failureReasons: ['no test of one ran'],
    });
    expect(await run([])).toMatchObject({ passed: false, failureReasons: ['no test of one ran'] });
    // Unless nothing of it was asked for.
    expect(await run([{ id: '1.1' }], { only: new Set(['2.1']) })).toMatchObject({ passed: true, ids: ['2.1 passed'] });
  });

  test.each([
    { kinds: ['unavailable', 'unknown'], gravest: 'unknown' },
    { kinds: ['unknown', 'interrupted'], gravest: 'interrupted' },
    { kinds: ['corrupt', 'unavailable'], gravest: 'unavailable' },
    { kinds: ['corrupt'], gravest: undefined },
  ] as const)('of $kinds the gravest is $gravest', async ({ kinds, gravest }) => {
    const { JavumboError } = await import('../../core/failure.ts');
    const tests = kinds.map((kind, index) => ({
      id: `1.${index}`,
      run: async () => {
        throw new JavumboError(kind, kind);
      },
    }));
    expect((await run(tests)).failure).toBe(gravest);
  });

  test('interrupted between two tests, it ends there and says so', async () => {
    const interruption = new AbortController();
    const ends: Test['run'] = (assert) => {
      interruption.abort();
      return passes(assert);
    };
    const tests = [{ id: '1.1', run: ends }, { id: '1.2' }];
    expect(await run(tests, { signal: interruption.signal })).toMatchObject({
      seen: ['1.1'],
      ids: ['1.1 passed', '1.2 skipped: interrupted', '2.1 skipped: interrupted'],
      passed: false,
      failure: 'interrupted',
      failureReasons: expect.arrayContaining(['interrupted']),
    });
  });
});

describe('verify all', () => {
  test('is one report on all days with the tests that the table names, and a summary for people', async () => {
    // With a round trip to save: test 3.1 measures it, and how fast a busy machine is, is not what is tested here.
    const result = await runCommand(['verify', 'all', '--rtt', '15ms', '--json', '--quiet'], { env });
    const { code, report } = { code: result.code, report: result.json<Report>() };
    const { name, passed, failureReasons } = report;
    const slow = failureReasons.filter((reason) =>
      reason.startsWith('test 3.1: a warm read is at least 2 times faster'),
    );
    expect({ code, name, passed, failureReasons }).toEqual({
      code: slow.length === 0 ? 0 : 7,
      name: 'all',
      passed: slow.length === 0,
      failureReasons: slow,
    });
    expect(report.checks.map(({ id }) => id)).toEqual(DAYS.flatMap(({ tests }) => tests));
    expect(Object.keys(report.metrics)).toEqual(expect.arrayContaining(['day2.totalMs', 'day4.withRetries.successMs']));
    const ofDays3And4 = report.checks.filter(({ id }) => /^[34]/.test(id) && !(id === '3.1' && slow.length > 0));
    expect(ofDays3And4.map(({ status, assertions }) => status === 'passed' && assertions.length > 3)).toEqual(
      ofDays3And4.map(() => true),
    );
    const { databases } = (await runCommand(['db', 'list', '--json', '--quiet'], { env })).json();
    expect(databases).toEqual([]);
    const people = await runCommand(['verify', 'all', '--rtt', '0', '--quiet', '--only', '2.1,4.1'], {
      env,
      tty: true,
    });
    expect(people.stdout).toMatch(/day +passed +failed +skipped +time/);
    expect(people.stdout).toMatch(/^day4 +1 +0 +0 +[\d.]+ m?s$/m);
  });
});

describe('the live checklist', () => {
  test('with --keep is gone before anything is said of what was kept, so that it takes nothing of that with it', async () => {
    const { code, stderr } = await runCommand(['verify', 'day2', '--rtt', '0', '--keep'], { env, tty: true });
    const [shown = '', said, ...more] = stderr.split('\u001b[3A\u001b[J');
    expect({ code, more, shown: shown.match(/[✓✗] Test .*\n/g)?.length }).toEqual({ code: 0, more: [], shown: 3 });
    expect(shown).not.toContain('kept');
    // Each is one column too wide for one line.
    expect(said?.replace(/\n {6}/g, ' ')).toMatch(
      /^(note: kept user_dbs\/javumbo-test-[0-9a-f]{12}-2-[123]\.anki2; javumbo clean s3 removes it\n){3}$/,
    );
  });

  test('shows each test as it runs and as it ended, on stderr of a terminal, and gives way to the result', async () => {
    const { stderr } = await runCommand(['verify', 'day2', '--only', '2.1,2.2', '--deployment', 'local'], {
      env,
      tty: true,
    });
    expect(stderr).toContain('… Test 2.1: a new user gets a database');
    expect(stderr).toMatch(/✓ Test 2\.1: a new user gets a database {2}[\d.]+ m?s\n/);
    expect(stderr).toContain('✓ Test 2.2: ');
    expect(stderr.endsWith('\r\u001b[2K\u001b[2A\u001b[J')).toBe(true);
  });

  test.each([
    { name: 'without a terminal', tty: false, argv: [] },
    { name: 'with --quiet', tty: true, argv: ['--quiet'] },
  ])('is not there $name', async ({ tty, argv }) => {
    const local = ['verify', 'day2', '--only', '2.1', '--deployment', 'local'];
    expect((await runCommand([...local, ...argv], { env, tty })).stderr).toBe('');
  });
});

describe.each(COMMAND_DEPLOYMENTS)('--keep on $name', ({ open }) => {
  let deployment: CommandDeployment;

  beforeEach(async () => {
    deployment = await open();
  });

  afterEach(() => deployment.close());

  test.each([
    { argv: ['verify', 'day2', '--only', '2.1,2.2'], kept: ['2-1', '2-2'] },
    { argv: ['bench', 'latency', '--requests', '1'], kept: ['latency'] },
  ])('$argv leaves $kept, names them, and clean s3 finds them', async ({ argv, kept }) => {
    const { code, stderr } = await runCommand([...deployment.flags, ...argv, '--keep'], { env: deployment.env });
    expect(code).toBe(0);
    const { databases } = await deployment.json<Json>('db', 'list');
    const usernames: string[] = databases.map(({ username }: Json) => username);
    const runs = new Set(usernames.map((username) => username.slice(TEST_USER_PREFIX.length).split('-')[0]));
    expect(runs.size).toBe(1);
    expect(usernames).toEqual(kept.map((purpose) => `${TEST_USER_PREFIX}${[...runs][0]}-${purpose}`));
    for (const username of usernames) {
      expect(stderr).toContain(`note: kept user_dbs/${username}.anki2; javumbo clean s3 removes it\n`);
    }
    expect(await deployment.json('clean', 's3')).toMatchObject({ deletedCount: kept.length });
    expect(await deployment.json('db', 'list')).toEqual({ databases: [], next: null });
  });
});

describe('on a versioned bucket', () => {
  test('a verification leaves no version and no delete marker', async () => {
    const deployment = await openOnS3();
    await keepVersions(deployment.server?.endpoint ?? '', BUCKET);
    for (const argv of [
      ['verify', 'day2'],
      ['bench', 'latency', '--requests', '2'],
    ]) {
      await deployment.json(...argv);
      expect(await deployment.json('clean', 's3', '--versions', '--dry-run')).toMatchObject({ plan: [] });
    }
    await deployment.close();
  });
});
