/** What `--report`, `--threshold` and `--prices` do on real commands. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { JavumboError } from '../core/failure.ts';
import type { Report } from '../report/document.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { type CommandDeployment, openOnS3 } from '../testing/command-deployments.ts';
import { asReport } from '../testing/report-schema.ts';
import { freshMachine, runCommand, temporaryDirectory } from '../testing/run-command.ts';
import { buildProgram } from './main.ts';

vi.mock('bcryptjs', () => import('../testing/quick-bcrypt.ts'));

/** A mount of one's own takes root, or a kernel that lets anybody be it. */
const canMount = spawnSync('unshare', ['-rm', 'mount', '--bind', '/dev/null', '/dev/null']).status === 0;

let directory: string;

let env: NodeJS.ProcessEnv;

beforeEach(() => {
  directory = temporaryDirectory();
  env = freshMachine();
});

const LATENCY = ['bench', 'latency', '--requests', '2', '--notes', '1', '--deployment', 'local', '--quiet'];

const fileOf = (name: string): string => join(directory, name);

const readReportFile = (name: string): Report => asReport(JSON.parse(readFileSync(fileOf(name), 'utf8')));

/** Every verb of `bench` and `verify` that makes a report, whoever adds it. */
const program = await buildProgram(
  { env: {}, stdout: process.stdout, stderr: process.stderr } as never,
  async () => {},
);

const verbsOf = (noun: string): string[] =>
  (program.commands.find((command) => command.name() === noun)?.commands ?? [])
    .map((command) => command.name())
    .filter((verb) => !['compare', 'history', 'help'].includes(verb));

describe('every command that makes a report', () => {
  const commands = [
    ...verbsOf('bench').map((verb) => ['bench', verb]),
    ...verbsOf('verify').map((verb) => ['verify', verb]),
  ];

  test('is here', () => {
    expect(commands.length).toBeGreaterThanOrEqual(7);
  });

  test.each(commands)('%s %s refuses a file that it could not write, before any work', async (noun, verb) => {
    const argv = [noun, verb, '--deployment', 'local', '--quiet', '--report', `json=${fileOf('not/there.json')}`];
    const { code, stderr, stdout } = await runCommand(argv, { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: --report json=\S+not\/there\.json: it cannot be written: there is no directory /);
  });

  test.each(verbsOf('bench'))(
    'bench %s refuses a threshold on what it never measures, before any work',
    async (verb) => {
      const argv = ['bench', verb, '--deployment', 'local', '--quiet', '--threshold', 'nothing.p95<1'];
      const { code, stderr } = await runCommand(argv, { env });
      expect(code).toBe(2);
      expect(stderr).toMatch(/^error: --threshold nothing\.p95<1: there is no figure "nothing\.p95"\ntry: {3}\w+Ms/);
    },
  );
});

describe('the files of a run', () => {
  test('hold what --json prints, JUnit, Markdown and HTML, and nothing is left beside them', async () => {
    const targets = ['json=a.json', 'junit=a.xml', 'markdown=a.md', 'html=a.html', 'json=b.json'].flatMap((target) => {
      const [format, name = ''] = target.split('=');
      return ['--report', `${format}=${fileOf(name)}`];
    });
    const result = await runCommand([...LATENCY, ...targets, '--json'], { env });
    expect(result.code).toBe(0);
    expect(readReportFile('a.json')).toEqual(asReport(result.json()));
    expect(readReportFile('b.json')).toEqual(result.json());
    expect(readFileSync(fileOf('a.xml'), 'utf8')).toMatch(/^<\?xml .*<testsuite name="javumbo bench latency"/s);
    expect(readFileSync(fileOf('a.md'), 'utf8')).toMatch(/^## ✅ javumbo bench latency\n/);
    expect(readFileSync(fileOf('a.html'), 'utf8')).toMatch(/^<!doctype html>.*Measured<.*<h3>totalMs<.*<\/html>\n$/s);
    expect(readdirSync(directory).sort()).toEqual(['a.html', 'a.json', 'a.md', 'a.xml', 'b.json']);
  });

  test('replace a file whole, keep its mode, and go where a link points', async () => {
    writeFileSync(fileOf('real.json'), 'x'.repeat(100_000));
    chmodSync(fileOf('real.json'), 0o640);
    symlinkSync(fileOf('real.json'), fileOf('link.json'));
    expect((await runCommand([...LATENCY, '--report', `json=${fileOf('link.json')}`], { env })).code).toBe(0);
    expect(readReportFile('real.json').name).toBe('latency');
    expect(statSync(fileOf('real.json')).mode & 0o777).toBe(0o640);
    expect(readdirSync(directory).sort()).toEqual(['link.json', 'real.json']);
  });

  test('go to where a link points, also where nothing is yet', async () => {
    mkdirSync(fileOf('elsewhere'));
    symlinkSync('elsewhere', fileOf('linked'));
    symlinkSync('../made.json', fileOf('elsewhere/link.json'));
    expect((await runCommand([...LATENCY, '--report', `json=${fileOf('linked/link.json')}`], { env })).code).toBe(0);
    expect(readReportFile('made.json').name).toBe('latency');
    expect(lstatSync(fileOf('elsewhere/link.json')).isSymbolicLink()).toBe(true);
  });

  test.skipIf(!canMount)('may be mounted, as a container does with -v report.json:/report.json', async () => {
    writeFileSync(fileOf('outside.json'), 'x'.repeat(100_000));
    writeFileSync(fileOf('a.json'), '');
    const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
    const command = [process.execPath, SCRIPTS.javumbo, ...LATENCY, '--report', `json=${fileOf('a.json')}`];
    const argv = ['-rm', 'sh', '-c', script, 'sh', fileOf('outside.json'), fileOf('a.json'), ...command];
    const { status, stderr } = spawnSync('unshare', argv, {
      encoding: 'utf8',
      env: { ...env, PATH: process.env.PATH },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(readReportFile('outside.json').name).toBe('latency');
    expect(readFileSync(fileOf('a.json'), 'utf8')).toBe('');
    expect(readdirSync(directory).sort()).toEqual(['a.json', 'outside.json']);
  });

  test('are left alone by a command that is refused', async () => {
    writeFileSync(fileOf('a.json'), 'old');
    const argv = [...LATENCY, '--report', `json=${fileOf('a.json')}`, '--report', `junit=${fileOf('not/there.xml')}`];
    expect((await runCommand(argv, { env })).code).toBe(2);
    expect(readFileSync(fileOf('a.json'), 'utf8')).toBe('old');
    expect(readdirSync(directory)).toEqual(['a.json']);
  });

  test.each([
    { name: 'two reports to one file', targets: ['json=./same', 'junit=same'], reason: /another report goes there/ },
    { name: 'a directory', targets: ['json=.'], reason: /it is a directory/ },
    { name: 'a path through a file', targets: ['json=/dev/null/x'], reason: /cannot be written/ },
    { name: 'stdout beside --json', targets: ['markdown=/dev/stdout'], reason: /stdout holds the document of --json/ },
    { name: 'a low descriptor', targets: ['json=/dev/fd/9'], reason: /from 3 to 16 may be Node's own/ },
    { name: 'an unknown format', targets: ['xml=x'], reason: /junit=<file>, markdown=<file> or html=<file>/ },
    { name: 'no file', targets: ['json='], reason: /json=<file>/ },
  ])('cannot be $name', async ({ targets, reason }) => {
    const argv = targets.flatMap((target) => [
      '--report',
      target.replace('=', `=${target.includes('/dev/') ? '' : `${directory}/`}`),
    ]);
    const given = targets[0] === 'json=' ? ['--report', 'json='] : argv;
    const result = await runCommand([...LATENCY, '--json', ...given], { env });
    expect(result.code).toBe(2);
    expect(result.failure().message).toMatch(reason);
  });

  const WRONG = [
    { name: 'no bucket', argv: ['--deployment', 'aws'], kind: 'aws', says: /^--deployment aws needs a bucket$/ },
    {
      name: 'an endpoint of nothing',
      argv: ['--endpoint-url', 'http://127.0.0.1:1'],
      kind: 'local',
      says: /names a part of a deployment on AWS/,
    },
    { name: 'a round trip on AWS', argv: ['--bucket', 'b', '--rtt', '5ms'], kind: 'aws', says: /--rtt simulates/ },
  ];

  test.each(['bench hit-rate', 'verify day2'].flatMap((verb) => WRONG.map((wrong) => ({ verb, ...wrong }))))(
    'of $verb tell of $name, so that CI does not read those of the run before',
    async ({ verb, argv, kind, says }) => {
      writeFileSync(fileOf('a.json'), 'old');
      writeFileSync(fileOf('a.xml'), 'old');
      const files = ['--report', `json=${fileOf('a.json')}`, '--report', `junit=${fileOf('a.xml')}`];
      const result = await runCommand([...verb.split(' '), ...argv, ...files], { env });
      expect(result).toMatchObject({ code: 2, stdout: '' });
      const report = readReportFile('a.json');
      expect(report).toMatchObject({
        passed: false,
        deployment: { kind },
        failureReasons: [expect.stringMatching(says)],
      });
      expect(readFileSync(fileOf('a.xml'), 'utf8')).toContain('failures="1"');
    },
  );

  test('tell of a threshold on what is never measured', async () => {
    writeFileSync(fileOf('a.json'), 'old');
    const argv = [...LATENCY, '--threshold', 'nothing.p95<1', '--report', `json=${fileOf('a.json')}`];
    expect((await runCommand(argv, { env })).code).toBe(2);
    expect(readReportFile('a.json').failureReasons).toEqual([expect.stringMatching(/there is no figure "nothing/)]);
  });

  test('may be a device, a pipe, or stdout without --json', async () => {
    execFileSync('mkfifo', [fileOf('pipe')]);
    const reader = runScript(
      '-e',
      ["process.stdout.write(require('fs').readFileSync(process.argv[1]))", fileOf('pipe')],
      {},
    );
    const targets = ['json=/dev/null', `junit=${fileOf('pipe')}`, 'markdown=/dev/stdout'];
    const result = await runCommand([...LATENCY, ...targets.flatMap((target) => ['--report', target])], { env });
    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/^## ✅ javumbo bench latency\n[\s\S]*\nrequest {2}1 /);
    expect((await reader).stdout).toMatch(/^<\?xml/);
    expect(existsSync('/dev/null')).toBe(true);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test.each([
    {
      descriptor: 3,
      code: 2,
      says: /^error: --report json=\/dev\/fd\/3: descriptors from 3 to 16 may be Node's own$/m,
    },
    {
      descriptor: 16,
      code: 2,
      says: /^error: --report json=\/dev\/fd\/16: descriptors from 3 to 16 may be Node's own$/m,
    },
    { descriptor: 20, code: 0, says: /^$/ },
  ])(
    'may be descriptor $descriptor of the shell, or are refused with the reason',
    async ({ descriptor, code, says }) => {
      const script = `exec "$@" --report json=/dev/fd/${descriptor} ${descriptor}>"$FILE"`;
      const places = { ...env, PATH: process.env.PATH, FILE: fileOf('a.json') };
      const argv = ['-c', script, 'bash', process.execPath, SCRIPTS.javumbo, ...LATENCY];
      const { status, stderr } = spawnSync('bash', argv, { encoding: 'utf8', env: places });
      expect({ status, stderr }).toEqual({ status: code, stderr: expect.stringMatching(says) });
      if (code === 0) expect(readReportFile('a.json').passed).toBe(true);
    },
  );

  test('that take nothing at the end fail the run, and its result is shown all the same', async () => {
    const result = await runCommand([...LATENCY, '--json', '--report', 'json=/dev/full'], { env });
    expect(result.code).toBe(7);
    expect(asReport(result.json())).toMatchObject({
      passed: false,
      failureReasons: [expect.stringMatching(/could not be written: ENOSPC/)],
    });
  });

  test.each([
    { name: 'in GitHub Actions the summary of the step is added to', actions: 'true', kept: true },
    { name: 'elsewhere it is a file like any other', actions: undefined, kept: false },
  ])('$name', async ({ actions, kept }) => {
    const summary = fileOf('summary.md');
    writeFileSync(summary, '# what the step before said\n');
    const github = { GITHUB_STEP_SUMMARY: summary, ...(actions === undefined ? {} : { GITHUB_ACTIONS: actions }) };
    const argv = [...LATENCY, '--report', `markdown=${summary}`];
    for (const _ of [1, 2]) expect((await runCommand(argv, { env: { ...env, ...github } })).code).toBe(0);
    const text = readFileSync(summary, 'utf8');
    expect(text.startsWith('# what the step before said\n')).toBe(kept);
    expect(text.match(/^## /gm)).toHaveLength(kept ? 2 : 1);
  });

  test.each([
    { name: 'after a line without its end', before: 'what the step before said' },
    { name: 'after an open element', before: '<details>\n' },
    { name: 'in an empty file', before: '' },
  ])('the heading in a summary is one, also $name', async ({ before }) => {
    const summary = fileOf('summary.md');
    writeFileSync(summary, before);
    const github = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: summary };
    expect(
      (await runCommand([...LATENCY, '--report', `markdown=${summary}`], { env: { ...env, ...github } })).code,
    ).toBe(0);
    expect(readFileSync(summary, 'utf8')).toMatch(
      new RegExp(`^${before}${before === '' ? '' : '\\n\\n'}## ✅ javumbo`),
    );
  });
});

describe('a report', () => {
  let deployment: CommandDeployment;
  beforeEach(async () => {
    deployment = await openOnS3();
  });
  afterEach(() => deployment.close());

  test('is written when the work throws, and says what was thrown', async () => {
    deployment.server?.inject({ fault: 'refuse-before', operation: 'PutObject', status: 403, times: 1_000 });
    const argv = [
      'bench',
      'latency',
      '--threshold',
      'totalMs.p95<400',
      '--report',
      `json=${fileOf('a.json')}`,
      '--report',
      `junit=${fileOf('a.xml')}`,
    ];
    const result = await deployment.run(argv);
    expect(result).toMatchObject({ code: 5, stdout: '' });
    const report = readReportFile('a.json');
    expect(report).toMatchObject({
      passed: false,
      parameters: { requests: 10, notes: 10 },
      metrics: {},
      thresholds: [{ expression: 'totalMs.p95<400', passed: false }],
      failureReasons: [expect.stringMatching(/^put .*refuses it/)],
    });
    expect(readFileSync(fileOf('a.xml'), 'utf8')).toContain('failures="2"');
    const shown = await runCommand(['report', 'show', fileOf('a.json')]);
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringMatching(/^bench latency\n[\s\S]*\nfailed: put /) });
  });

  test('is written when the work is interrupted, in every form', async () => {
    const targets = ['json=a.json', 'junit=a.xml', 'markdown=a.md', 'html=a.html'].flatMap((target) => [
      '--report',
      target.replace('=', `=${directory}/`),
    ]);
    const interrupt = (): never => {
      throw new JavumboError('interrupted', 'interrupted');
    };
    expect((await runCommand([...LATENCY, ...targets], { env, atStep: interrupt })).code).toBe(130);
    expect(readReportFile('a.json')).toMatchObject({ passed: false, failureReasons: ['interrupted'] });
    expect(readFileSync(fileOf('a.xml'), 'utf8')).toContain('<failure message="interrupted"');
    expect(readFileSync(fileOf('a.md'), 'utf8')).toMatch(/^## ❌[\s\S]*\n- interrupted\n/);
    expect(readFileSync(fileOf('a.html'), 'utf8')).toContain('✗ Interrupted');
  });

  test('keeps its figures when only the clean-up fails, and says what may be left', async () => {
    deployment.server?.inject({ fault: 'refuse-before', operation: 'DeleteObjects', status: 403, times: 1_000 });
    const argv = ['bench', 'latency', '--requests', '3', '--json', '--report', `json=${fileOf('a.json')}`];
    const result = await deployment.run([...argv, '--threshold', 'totalMs.count==3']);
    expect(result.code).toBe(5);
    const report = readReportFile('a.json');
    expect(report).toMatchObject({
      passed: false,
      metrics: { totalMs: { count: 3 }, downloadMs: { count: 3 } },
      derived: { putPerRequest: 1 },
      requests: { put: 3 },
      thresholds: [{ passed: true, actual: 3 }],
      failureReasons: [expect.stringMatching(/^test data may be left, which javumbo clean all removes: delete /)],
    });
    expect(result.json()).toEqual(report);
    const { stdout } = await runCommand(['report', 'show', fileOf('a.json')]);
    expect(stdout).toMatch(/^request {2}1 [\s\S]*\nfailed: test data may be left, /);
  });

  test.each([
    {
      verb: 'latency',
      samples: { totalMs: 5, downloadMs: 5, queryMs: 5, uploadMs: 5 },
      more: { requests: { put: 5 } },
    },
    { verb: 'cache', samples: { uncachedReadMs: 5 }, more: {} },
    { verb: 'hit-rate', samples: { requestMs: 5, coldMs: 5 }, more: { hits: Array(5).fill(false) } },
  ])('keeps the samples of a bench $verb that is interrupted late', async ({ verb, samples, more }) => {
    const interruption = new AbortController();
    let gets = 0;
    const server = await openOnS3({
      beforeWork: ({ operation }) => {
        if (operation === 'GetObject' && ++gets > 5) interruption.abort(new JavumboError('interrupted', 'interrupted'));
      },
    });
    try {
      const argv = ['bench', verb, '--requests', '20', '--cache-ttl', '0', '--report', `json=${fileOf('a.json')}`];
      expect((await server.run(argv, { signal: interruption.signal })).code).toBe(130);
    } finally {
      await server.close();
    }
    const report = readReportFile('a.json');
    expect(report).toMatchObject({ passed: false, failureReasons: ['interrupted'], ...more });
    expect(Object.fromEntries(Object.entries(report.metrics).map(([name, { count }]) => [name, count]))).toEqual(
      samples,
    );
    expect(report.cost).toBeUndefined();
    const shown = await runCommand(['report', 'show', fileOf('a.json')]);
    expect(shown.stdout).toMatch(new RegExp(`^bench ${verb}\\nmetric [\\s\\S]*\\n${Object.keys(samples)[0]} `));
    expect(shown.stdout).not.toContain('NaN');
  });

  test('knows the SDK, and the commit that the CI names', async () => {
    const commit = 'c0ffee'.repeat(6);
    const github = { env: { GITHUB_SHA: commit } };
    const report = asReport((await deployment.run(['bench', 'latency', '--json'], github)).json());
    expect(report.environment).toMatchObject({ commit, sdk: expect.stringMatching(/^3\.\d+\.\d+$/) });
  });
});

describe('the engine of a report', () => {
  test('is local files where there is no server, and the commit that of the working tree', async () => {
    const { environment } = asReport((await runCommand([...LATENCY, '--json'], { env })).json());
    expect(environment).toMatchObject({ engine: 'local files', sqlite: 'better-sqlite3' });
    const { stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' });
    expect(environment.commit ?? '').toBe((stdout ?? '').trim());
  });

  test.each([
    { name: 'what the server says', options: { serverHeader: 'MinIO' }, engine: 'MinIO' },
    { name: 'unknown where it says nothing', options: {}, engine: 'unknown' },
  ])('is $name', async ({ options, engine }) => {
    const deployment = await openOnS3(options);
    try {
      const report = asReport((await deployment.run(['bench', 'latency', '--requests', '1', '--json'])).json());
      expect(report.environment.engine).toBe(engine);
    } finally {
      await deployment.close();
    }
  });
});

describe('thresholds on a command', () => {
  test('that hold leave exit code 0, missed ones give 7, and each stands in the report', async () => {
    const argv = [...LATENCY, '--json', '--threshold', 'requests.put<=2', '--threshold', 'derived.putPerRequest==1'];
    const held = await runCommand(argv, { env });
    expect(held.code).toBe(0);
    expect(asReport(held.json()).thresholds).toEqual([
      { expression: 'requests.put<=2', passed: true, actual: 2 },
      { expression: 'derived.putPerRequest==1', passed: true, actual: 1 },
    ]);
    const missed = await runCommand([...argv, '--threshold', 'totalMs.min<0'], { env });
    expect(missed.code).toBe(7);
    expect(asReport(missed.json())).toMatchObject({
      passed: false,
      failureReasons: [expect.stringMatching(/^threshold totalMs\.min<0: it is [\d.]+$/)],
    });
  });

  test('without a number are refused', async () => {
    const { code, stderr } = await runCommand([...LATENCY, '--threshold', 'totalMs.p95'], { env });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^error: --threshold "totalMs\.p95" is no comparison.*\ntry: {3}--threshold 'totalMs\.p50<400'/,
    );
  });
});

describe('cost', () => {
  test('of an uncached request is that of a GET and a PUT, by AWS’s prices or one’s own', async () => {
    const report = asReport((await runCommand([...LATENCY, '--json'], { env })).json());
    expect(report.costUsdPerMillion).toBeCloseTo(5.4, 9);
    expect(report.cost).toMatchObject({ operations: 2, prices: { region: 'us-east-1' } });
    const prices = fileOf('prices.json');
    writeFileSync(prices, JSON.stringify({ date: '2026-11-24', usdPerMillionPut: 100 }));
    const dearer = asReport((await runCommand([...LATENCY, '--json', '--prices', prices], { env })).json());
    expect(dearer.costUsdPerMillion).toBeCloseTo(100.4, 9);
    expect(dearer.cost?.prices).toEqual({ date: '2026-11-24', region: 'us-east-1', source: prices });
    expect((await runCommand([...LATENCY, '--prices', fileOf('none.json')], { env })).code).toBe(2);
  });

  test('of accounts is that of DynamoDB', async () => {
    const argv = ['verify', 'day5', '--deployment', 'local', '--quiet', '--json'];
    const report = asReport((await runCommand(argv, { env })).json());
    const { read = 0, write = 0 } = report.requests.dynamo ?? {};
    expect(Math.min(read, write)).toBeGreaterThan(0);
    expect(report.costUsdPerMillion).toBeCloseTo(read * 0.125 + write * 0.625, 6);
  });

  test.each([
    { name: 'one test of three', argv: ['--only', '2.1'], code: 0 },
    { name: 'all tests, by their numbers', argv: ['--only', '2.1,2.2,2.3'], code: 0, priced: true },
  ])('of verify is said of a whole run alone: $name', async ({ argv, code, priced = false }) => {
    const result = await runCommand(['verify', 'day2', '--deployment', 'local', '--json', ...argv], { env });
    expect(result.code).toBe(code);
    const { cost, costUsdPerMillion } = asReport(result.json());
    expect([cost !== undefined, costUsdPerMillion !== undefined]).toEqual([priced, priced]);
  });

  test('of a verify whose tests are stopped or break off is not said', async () => {
    let steps = 0;
    const atStep = (): void => {
      if (++steps === 3) throw new JavumboError('unavailable', 'gone');
    };
    for (const argv of [[], ['--fail-fast']]) {
      steps = 0;
      const result = await runCommand(['verify', 'day2', '--deployment', 'local', '--json', ...argv], { env, atStep });
      expect(result.code).toBe(5);
      const { cost, requests } = asReport(result.json());
      expect(cost).toBeUndefined();
      expect(requests.get).toBeGreaterThan(0);
    }
  });

  test('of verify is that of one run', async () => {
    const report = asReport(
      (await runCommand(['verify', 'day2', '--deployment', 'local', '--quiet', '--json'], { env })).json(),
    );
    const { get, head, put } = report.requests;
    expect(report.cost?.operations).toBe(1);
    expect(report.cost?.operation).toBe('one run of verify day2, the clean-up of its objects not counted');
    expect(report.costUsdPerMillion).toBeCloseTo((get + head) * 0.4 + put * 5, 6);
  });
});
