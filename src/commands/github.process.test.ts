/** What `bench` and `verify` do by themselves in GitHub Actions, and what --progress json says. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freshMachine, runCommand, temporaryDirectory } from '../testing/run-command.ts';

const LATENCY = ['bench', 'latency', '--requests', '1', '--rtt', '0', '--deployment', 'local'];
const MISSED = [...LATENCY, '--threshold', 'requests.put<1'];

const ANNOTATION = '::error title=javumbo bench latency::threshold requests.put<1: it is 1\n';

test.each([
  { name: 'a missed threshold is annotated', argv: MISSED, code: 7, annotated: true, summary: 1 },
  { name: 'what passes is only in the summary', argv: LATENCY, code: 0, annotated: false, summary: 1 },
  { name: '--no-github turns both off', argv: [...MISSED, '--no-github'], code: 7, annotated: false, summary: 0 },
  { name: 'elsewhere there is neither', argv: MISSED, code: 7, annotated: false, summary: 0, GITHUB_ACTIONS: '' },
  {
    name: 'beside --json stdout stays one document',
    argv: [...MISSED, '--json'],
    code: 7,
    annotated: true,
    summary: 1,
  },
  {
    name: 'a test that fails is annotated',
    argv: ['verify', 'day1', '--only', '1.3', '--expect-body', 'Hello', '--deployment', 'local'],
    code: 7,
    annotated: undefined,
    summary: 1,
  },
])('in GitHub Actions: $name', async ({ argv, code, annotated, summary, GITHUB_ACTIONS = 'true' }) => {
  const file = join(temporaryDirectory(), 'summary.md');
  writeFileSync(file, '');
  const env = { ...freshMachine(), GITHUB_ACTIONS, GITHUB_STEP_SUMMARY: file };
  const result = await runCommand(argv, { env });
  expect(result.code).toBe(code);
  expect(readFileSync(file, 'utf8').match(/^## . javumbo /gmu) ?? []).toHaveLength(summary);
  if (annotated === undefined) {
    expect(result.stderr).toMatch(/^::error title=Test 1\.3%3A the function can be invoked::.*expected .* got /m);
  } else expect(result.stderr.includes(ANNOTATION)).toBe(annotated);
  if (argv.includes('--json')) expect(result.json().passed).toBe(false);
});

test('a summary that cannot be written is a warning: nobody has asked for it', async () => {
  const file = join(temporaryDirectory(), 'none', 'summary.md');
  const env = { ...freshMachine(), GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: file };
  const { code, stderr } = await runCommand(LATENCY, { env });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^warning: there is no job summary: .*it cannot be written/m);
});

test('an interrupted benchmark shows what it has, and ends with 130', async () => {
  const { openOnS3 } = await import('../testing/command-deployments.ts');
  const { interrupted } = await import('../core/interruptible.ts');
  const stopping = new AbortController();
  let puts = 0;
  const deployment = await openOnS3({
    beforeWork: ({ operation }) => {
      if (operation === 'PutObject' && ++puts === 5) stopping.abort(interrupted());
    },
  });
  const { code, stdout } = await deployment.run(['bench', 'latency', '--requests', '20'], { signal: stopping.signal });
  expect(code).toBe(130);
  expect(stdout).toMatch(/^bench latency\nmetric +samples/);
  expect(stdout).toMatch(/^totalMs +[34] /m);
  expect(stdout).toMatch(/^failed: interrupted$/m);
  await deployment.close();
});

test.each([
  {
    argv: LATENCY,
    lines: [
      expect.objectContaining({ text: expect.stringMatching(/^creating databases/), elapsedMs: expect.any(Number) }),
    ],
  },
  {
    argv: ['verify', 'day2', '--only', '2.1', '--deployment', 'local'],
    lines: [
      expect.objectContaining({ text: 'Test 2.1: a new user gets a database', status: 'started' }),
      expect.objectContaining({ text: 'Test 2.1: a new user gets a database', status: 'passed' }),
    ],
  },
])('--progress json of $argv is a line of JSON for each step, also without a terminal', async ({ argv, lines }) => {
  const { stderr } = await runCommand([...argv, '--progress', 'json']);
  const said = stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).progress);
  expect(said.slice(0, lines.length)).toEqual(lines);
  const quiet = await runCommand([...argv, '--progress', 'json', '--quiet']);
  expect(quiet.stderr).toBe('');
});
