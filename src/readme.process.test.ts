/** Every command line of the README is run, in its order, in one shell each block, and must end with exit code 0. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { reportJsonSchema } from './report/schema.ts';
import { SCRIPTS } from './testing/child-process.ts';
import { type DynamoServer, startDynamoServer } from './testing/dynamo-server.ts';
import { type S3Server, startS3Server } from './testing/s3-server/server.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const root = fileURLToPath(new URL('..', import.meta.url));
const blocks = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');

const TERRAFORM_OUTPUTS = Object.fromEntries(
  Object.entries({
    s3_bucket_name: 'my-bucket',
    dynamodb_users_table_name: 'javumbo-users',
    dynamodb_locks_table_name: 'javumbo-user-locks',
    lambda_function_name: 'javumbo-api',
    api_gateway_url: 'https://abc123.execute-api.us-east-1.amazonaws.com',
  }).map(([name, value]) => [name, { sensitive: false, type: 'string', value }]),
);

let directory: string;
let server: S3Server;
let dynamo: DynamoServer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'javumbo-readme-'));
  mkdirSync(join(directory, 'bin'));
  // What `npx javumbo` does in this folder, without npm's second of start-up on each line.
  writeFileSync(join(directory, 'bin', 'npx'), `#!/bin/sh\nshift\nexec ${process.execPath} ${SCRIPTS.javumbo} "$@"\n`, {
    mode: 0o755,
  });
  // What Terraform would answer in a folder where infra/ has been applied.
  mkdirSync(join(directory, 'infra'));
  writeFileSync(join(directory, 'bin', 'terraform'), `#!/bin/sh\necho '${JSON.stringify(TERRAFORM_OUTPUTS)}'\n`, {
    mode: 0o755,
  });
  server = await startS3Server();
  dynamo = await startDynamoServer();
});

afterAll(async () => {
  await server.close();
  await dynamo.close();
  rmSync(directory, { recursive: true, force: true });
});

async function shell(script: string, { cwd = directory, env = {} }: ShellOptions = {}): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env: {
      PATH: `${join(directory, 'bin')}:${process.env.PATH}`,
      HOME: directory,
      JAVUMBO_CACHE_DIR: join(directory, 'cache'),
      AWS_EC2_METADATA_DISABLED: 'true',
      ...env,
    },
  });
  return stdout;
}

interface ShellOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const sessions = blocks.filter((block) => block.startsWith('$ '));

test('the README has sessions to run', () => {
  expect(sessions.length).toBeGreaterThanOrEqual(2);
});

test.each(sessions.map((block, index) => ({ index, block })))(
  'session $index of the README runs',
  async ({ block }) => {
    const script = block
      .replace(/^\$ /gm, '')
      .replaceAll('http://127.0.0.1:7480', server.endpoint)
      .replaceAll('http://127.0.0.1:8000', dynamo.endpoint)
      .replaceAll('=…', '=x');
    await shell(script);
  },
);

test('the two lines for a fresh clone install, and run the main job and the tests', async () => {
  const [main = '', tests = ''] = blocks.filter((block) => block.startsWith('npm ci'));
  expect(main).toMatch(/^npm ci && npx javumbo [^\n]+\n$/);
  await shell(main.replace('npm ci && ', ''));
  expect(tests).toBe('npm ci && npm test\n');
  expect(readFileSync(join(root, '.ci', 'run'), 'utf8')).toContain("\nbash -c 'npm ci && npm test'\n");
});

test('every command that there is stands in the table of commands, and no other', async () => {
  const named = [
    ...readme.matchAll(/`((?:user|db|bench|verify|function|deployment|report|cache|clean|config) [a-z0-9-]+)[^`]*`/g),
  ].map((match) => match[1]);
  const listed = new Set<string>();
  for (const noun of [
    'user',
    'db',
    'bench',
    'verify',
    'function',
    'deployment',
    'report',
    'cache',
    'clean',
    'config',
  ]) {
    const help = await shell(`npx javumbo ${noun} --help`);
    for (const match of help.slice(help.indexOf('Commands:')).matchAll(/^ {2}([a-z0-9-]+) /gm)) {
      if (match[1] !== 'help') listed.add(`${noun} ${match[1]}`);
    }
  }
  expect([...new Set(named)].sort()).toEqual([...listed].sort());
});

interface Step {
  readonly run?: string;
  readonly 'working-directory'?: string;
}

/** The pipelines of the README, as their shell would see them. */
const pipelines = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => {
  const document = parse(match[1] ?? '');
  const { jobs, ...others } = document as { jobs?: Record<string, { steps: Step[] }> };
  const [job] = Object.values(jobs ?? others) as {
    steps?: Step[];
    script?: string[];
    variables?: Record<string, string>;
  }[];
  const steps = (job?.steps ?? job?.script?.map((run) => ({ run })) ?? []).flatMap((step: Step) =>
    step.run === undefined ? [] : [{ run: step.run.trim(), directory: step['working-directory'] ?? '.' }],
  );
  return { document, steps, variables: job?.variables ?? {} };
});

describe('the pipelines of the README', () => {
  let work: string;
  // The bucket is there before CI runs; the sessions above make theirs.
  let server: S3Server;

  beforeEach(async () => {
    work = mkdtempSync(join(directory, 'pipeline-'));
    server = await startS3Server({ buckets: ['my-bucket'] });
  });

  afterEach(() => server.close());

  /** Runs the steps one after the other, as the CI does; ends with the exit code of the first that fails, or 0. */
  async function runPipeline(index: number, before: (run: string) => void = () => {}): Promise<number> {
    const { steps = [], variables = {} } = pipelines[index] ?? {};
    const env = {
      AWS_ENDPOINT_URL_S3: server.endpoint,
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
      GITHUB_ACTIONS: 'true',
      GITHUB_STEP_SUMMARY: join(work, 'summary.md'),
      ...variables,
    };
    for (const { run, directory: folder } of steps) {
      // That it installs is what the test of the two lines for a fresh clone is about.
      if (run === 'npm ci') continue;
      expect(run).toMatch(/^(env -u GITHUB_SHA )?npx javumbo /);
      if (!run.includes(' compare ')) expect(run).toContain(' --deployment aws');
      before(run);
      const cwd = join(work, folder);
      mkdirSync(cwd, { recursive: true });
      const code = await shell(run, { cwd, env }).then(
        () => 0,
        (error: { code: number }) => error.code,
      );
      if (code !== 0) return code;
    }
    return 0;
  }

  /** What becomes of a store that takes conditions and ignores them: writers overwrite each other. */
  const ignoreConditions = (): void =>
    void server.inject({ fault: 'ignore-conditions', operation: 'PutObject', times: 100_000 });

  test('are three', () => {
    expect(pipelines.map(({ steps }) => steps.length)).toEqual([3, 3, 5]);
  });

  test('the gate lets a sound deployment through, and both reports are on the summary page', async () => {
    expect(await runPipeline(0)).toBe(0);
    const headings = readFileSync(join(work, 'summary.md'), 'utf8').match(/^## .*$/gm);
    expect(headings).toEqual(['## ✅ javumbo verify day4', '## ✅ javumbo bench latency']);
  });

  test('the gate stops one that loses writes, and a slow one', async () => {
    ignoreConditions();
    expect(await runPipeline(0)).toBe(7);
    expect(readFileSync(join(work, 'summary.md'), 'utf8')).toContain('## ❌ javumbo verify day4');
    server.reset();
    const slow = (run: string): void => {
      if (run.includes('bench latency')) server.roundTripMs = 550;
    };
    expect(await runPipeline(0, slow)).toBe(7);
    expect(readFileSync(join(work, 'summary.md'), 'utf8')).toMatch(/totalMs\.p95&lt;1000 \| missed/);
  });

  test('JUnit lands where the artifacts are looked for, also of a day that failed', async () => {
    const junit: string[] = pipelines[1]?.document.verify.artifacts.reports.junit;
    expect(await runPipeline(1)).toBe(0);
    const failures = (): (string | undefined)[] =>
      junit.map((file) => /<testsuites [^>]*failures="(\d+)"/.exec(readFileSync(join(work, file), 'utf8'))?.[1]);
    expect(failures()).toEqual(['0', '0']);
    ignoreConditions();
    expect(await runPipeline(1)).toBe(7);
    expect(failures()).toEqual(['0', '2']);
  });

  test.each([
    { name: 'lets a change through that costs nothing', roundTripMs: 60, code: 0 },
    { name: 'stops one that makes everything slower by 30 %', roundTripMs: 78, code: 7 },
  ])('the comparison $name', async ({ roundTripMs, code }) => {
    const slow = (run: string): void => {
      server.roundTripMs = run.includes('after.json') ? roundTripMs : 60;
    };
    expect(await runPipeline(2, slow)).toBe(code);
  });
});

test('every field of a report is documented, and every exit code', async () => {
  const section = readme.slice(readme.indexOf('Fields of a report'), readme.indexOf('An operation is one'));
  const undocumented = propertiesOf(reportJsonSchema()).filter((name) => !section.includes(`\`${name}\``));
  expect(undocumented).toEqual([]);
  const { EXIT_CODE } = await import('./cli/exit-code.ts');
  for (const [kind, code] of Object.entries(EXIT_CODE)) {
    expect(readme).toMatch(new RegExp(`^\\| ${code} \\| ${kind === 'ok' ? '' : `\`${kind}\` `}\\|`, 'm'));
  }
});

/** The names of all properties of a JSON Schema, at every depth. */
function propertiesOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {} } = schema as { properties?: object };
  return [
    ...Object.keys(properties),
    ...Object.values(schema).flatMap(propertiesOf),
    ...Object.values(properties).flatMap(propertiesOf),
  ];
}
