/** What `--report`, `--threshold` and `--prices` do on real commands, and what `report` makes of the files. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JavumboError } from '../failure.ts';
import { buildProgram } from '../main.ts';
import type { Report } from '../report/document.ts';
import { reportJsonSchema } from '../report/schema.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { type CommandDeployment, openOnS3 } from '../testing/command-deployments.ts';
import { asReport } from '../testing/report-schema.ts';
import { freshMachine, runCommand, temporaryDirectory } from '../testing/run-command.ts';

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
    .filter((verb) => verb !== 'compare' && verb !== 'help');

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
  test('hold what --json prints, JUnit and Markdown, and nothing is left beside them', async () => {
    const targets = ['json=a.json', 'junit=a.xml', 'markdown=a.md', 'json=b.json'].flatMap((target) => {
      const [format, name = ''] = target.split('=');
      return ['--report', `${format}=${fileOf(name)}`];
    });
    const result = await runCommand([...LATENCY, ...targets, '--json'], { env });
    expect(result.code).toBe(0);
    expect(readReportFile('a.json')).toEqual(asReport(result.json()));
    expect(readReportFile('b.json')).toEqual(result.json());
    expect(readFileSync(fileOf('a.xml'), 'utf8')).toMatch(/^<\?xml .*<testsuite name="javumbo bench latency"/s);
    expect(readFileSync(fileOf('a.md'), 'utf8')).toMatch(/^## ✅ javumbo bench latency\n/);
    expect(readdirSync(directory).sort()).toEqual(['a.json', 'a.md', 'a.xml', 'b.json']);
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
    { name: 'an unknown format', targets: ['html=x'], reason: /json=<file>, junit=<file> or markdown=<file>/ },
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
    const targets = ['json=a.json', 'junit=a.xml', 'markdown=a.md'].flatMap((target) => [
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
    expect(environment.engine).toBe('local files');
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
      /^error: --threshold "totalMs\.p95" is no comparison.*\ntry: {3}--threshold 'totalMs\.p95<400'/,
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

  test('of verify is that of one run', async () => {
    const report = asReport(
      (await runCommand(['verify', 'day2', '--deployment', 'local', '--quiet', '--json'], { env })).json(),
    );
    const { get, head, put } = report.requests;
    expect(report.cost?.operations).toBe(1);
    expect(report.costUsdPerMillion).toBeCloseTo((get + head) * 0.4 + put * 5, 6);
  });
});

describe('report show', () => {
  test.each([
    LATENCY,
    ['bench', 'hit-rate', '--requests', '10', '--rtt', '0', '--quiet'],
    ['verify', 'day2', '--quiet'],
  ])('shows what %s %s showed', async (...argv) => {
    const made = await runCommand([...argv, '--report', `json=${fileOf('a.json')}`], { env });
    expect(made.code).toBe(0);
    const shown = await runCommand(['report', 'show', fileOf('a.json')]);
    expect(shown).toMatchObject({ code: 0, stdout: made.stdout, stderr: '' });
    expect((await runCommand(['report', 'show', fileOf('a.json'), '--json'])).json()).toEqual(readReportFile('a.json'));
  });

  test.each([
    { name: 'no file', text: undefined, reason: /cannot be read: ENOENT/ },
    { name: 'an empty file', text: '', reason: /is no report: it is empty/ },
    { name: 'no JSON', text: '<xml/>', reason: /is no report: .*JSON/ },
    { name: 'another document', text: '{"databases":[]}', reason: /is no report: schemaVersion: / },
    { name: 'null', text: 'null', reason: /is no report: the document: / },
    { name: 'a newer report', text: '{"schemaVersion":2}', reason: /schema version 2, and this javumbo reads 1/ },
  ])('refuses $name', async ({ text, reason }) => {
    if (text !== undefined) writeFileSync(fileOf('a.json'), text);
    const { code, stderr } = await runCommand(['report', 'show', fileOf('a.json')]);
    expect(code).toBe(2);
    expect(stderr).toMatch(reason);
  });

  test('shows a report with fields and a benchmark of later, and keeps its texts from the terminal', async () => {
    await runCommand([...LATENCY, '--report', `json=${fileOf('a.json')}`], { env });
    const later = { ...readReportFile('a.json'), name: 'later\u001b[2J', someday: true };
    writeFileSync(fileOf('later.json'), JSON.stringify(later));
    const { code, stdout } = await runCommand(['report', 'show', fileOf('later.json')], {
      tty: true,
      env: { NO_COLOR: '1' },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^bench later␛\[2J\n[\s\S]*totalMs/);
  });
});

test('report schema prints the schema that is shipped', async () => {
  const { code, stdout } = await runCommand(['report', 'schema']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual(reportJsonSchema());
  const shipped = JSON.parse(readFileSync(new URL('../../report.schema.json', import.meta.url), 'utf8'));
  // After a change: npx javumbo report schema > report.schema.json && npm run fix
  expect(shipped).toEqual(reportJsonSchema());
});

test('verify --json in a pipe is one document and nothing else, without colour, with the right exit code', async () => {
  mkdirSync(fileOf('home'));
  const places = { HOME: fileOf('home'), JAVUMBO_HOME: fileOf('d'), JAVUMBO_CACHE_DIR: fileOf('c'), FORCE_COLOR: '1' };
  const script = `set -o pipefail; node "$JAVUMBO" verify day4 --rtt 20ms --json | node -e 'process.exitCode = JSON.parse(require("fs").readFileSync(0)).passed ? 0 : 1'`;
  const quiet = await runScript(SCRIPTS.javumbo, ['verify', 'day2', '--json'], places);
  expect(quiet).toMatchObject({ code: 0, stdout: expect.not.stringContaining('\u001b') });
  expect(asReport(JSON.parse(quiet.stdout)).passed).toBe(true);
  execFileSync('bash', ['-c', script], {
    env: { ...places, PATH: process.env.PATH, JAVUMBO: SCRIPTS.javumbo },
    stdio: 'pipe',
  });
});
