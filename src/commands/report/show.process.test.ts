import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { metricOf } from '../../bench/stats.ts';
import type { Report } from '../../report/document.ts';
import { PLAIN_REPORT } from '../../testing/hand-made-report.ts';
import { asReport } from '../../testing/report-schema.ts';
import { freshMachine, runCommand, temporaryDirectory } from '../../testing/run-command.ts';

let directory: string;

let env: NodeJS.ProcessEnv;

beforeEach(() => {
  directory = temporaryDirectory();
  env = freshMachine();
});

const LATENCY = ['bench', 'latency', '--requests', '2', '--notes', '1', '--deployment', 'local', '--quiet'];

const fileOf = (name: string): string => join(directory, name);

const readReportFile = (name: string): Report => asReport(JSON.parse(readFileSync(fileOf(name), 'utf8')));

describe('report show', () => {
  test.each([
    LATENCY,
    ['bench', 'hit-rate', '--requests', '10', '--rtt', '0', '--quiet'],
    ['verify', 'day2', '--quiet'],
    ['verify', 'all', '--only', '2.1,2.2', '--quiet'],
  ])('shows what %s %s showed', async (...argv) => {
    const made = await runCommand([...argv, '--report', `json=${fileOf('a.json')}`], { env });
    expect(made.code).toBe(0);
    const shown = await runCommand(['report', 'show', fileOf('a.json')]);
    expect(shown).toMatchObject({ code: 0, stdout: made.stdout, stderr: '' });
    expect((await runCommand(['report', 'show', fileOf('a.json'), '--json'])).json()).toEqual(readReportFile('a.json'));
  });

  test('writes what the run would have written, in every form', async () => {
    const targets = (name: string): string[] =>
      ['json', 'junit', 'markdown', 'html'].flatMap((format) => [
        '--report',
        `${format}=${fileOf(`${name}.${format}`)}`,
      ]);
    await runCommand([...LATENCY, ...targets('made')], { env });
    expect((await runCommand(['report', 'show', fileOf('made.json'), ...targets('shown')])).code).toBe(0);
    expect(readReportFile('shown.json')).toEqual(readReportFile('made.json'));
    // In whatever order the fields of the file have.
    const parts = (name: string): string[] =>
      readFileSync(fileOf(name), 'utf8')
        .split(/(?=<)|\n/)
        .sort();
    for (const format of ['junit', 'markdown', 'html']) {
      expect(parts(`shown.${format}`)).toEqual(parts(`made.${format}`));
    }
  });

  test('refuses a report over the file that it shows', async () => {
    await runCommand([...LATENCY, '--report', `json=${fileOf('a.json')}`], { env });
    const before = readReportFile('a.json');
    const { code, stderr } = await runCommand([
      'report',
      'show',
      fileOf('a.json'),
      '--report',
      `html=${fileOf('a.json')}`,
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/this command reads that file/);
    expect(readReportFile('a.json')).toEqual(before);
  });

  test('shows a run of more samples than a call takes arguments', async () => {
    const metric = metricOf(Array.from({ length: 50_000 }, (_, index) => index + 1));
    const metrics = { downloadMs: metric, queryMs: metric, uploadMs: metric, totalMs: metric };
    writeFileSync(fileOf('long.json'), JSON.stringify({ ...PLAIN_REPORT, metrics }));
    const { code, stdout } = await runCommand(['report', 'show', fileOf('long.json')]);
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => /^request 50000 +download +50\.0 s/.test(line))).toHaveLength(1);
  });

  test('refuses a report to a place that takes none, and writes nothing', async () => {
    await runCommand([...LATENCY, '--report', `json=${fileOf('a.json')}`], { env });
    const { code, stderr } = await runCommand(['report', 'show', fileOf('a.json'), '--report', `html=${directory}`]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/it cannot be written: it is a directory/);
  });

  test.each([
    { name: 'no file', text: undefined, reason: /cannot be read: ENOENT/ },
    { name: 'an empty file', text: '', reason: /is no report: it is empty/ },
    { name: 'no JSON', text: '<xml/>', reason: /is no report: .*JSON/ },
    {
      name: 'another document',
      text: '{"databases":[]}',
      reason: /is no report: its field schemaVersion is missing$/m,
    },
    { name: 'null', text: 'null', reason: /is no report: it is not an object with/ },
    { name: 'a newer report', text: '{"schemaVersion":2}', reason: /schema version 2, and this javumbo reads 1/ },
  ])('refuses $name', async ({ text, reason }) => {
    if (text !== undefined) writeFileSync(fileOf('a.json'), text);
    const { code, stderr } = await runCommand(['report', 'show', fileOf('a.json')]);
    expect(code).toBe(2);
    expect(stderr).toMatch(reason);
  });

  test.each(['constructor', 'toString', '__proto__'])('shows a report that is named %s', async (name) => {
    await runCommand([...LATENCY, '--report', `json=${fileOf('a.json')}`], { env });
    writeFileSync(fileOf('odd.json'), JSON.stringify({ ...readReportFile('a.json'), name }));
    const { code, stdout } = await runCommand(['report', 'show', fileOf('odd.json')]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining(`bench ${name}\nmetric `) });
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
