/** Every command line of README and docs runs, in its order, and shows what the page shows. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { metricOf } from './bench/stats.ts';
import { seededRandom } from './core/random.ts';
import type { Report } from './report/document.ts';
import { startDynamoServer } from './testing/dynamo-server.ts';
import { blocksOf, patternOf } from './testing/page-session.ts';
import { PageShell } from './testing/page-shell.ts';
import { PAGES, page, ROOT } from './testing/pages.ts';
import { type S3Server, startS3Server } from './testing/s3-server/server.ts';

const TERRAFORM_OUTPUTS = Object.fromEntries(
  Object.entries({
    s3_bucket_name: 'my-bucket',
    dynamodb_users_table_name: 'javumbo-users',
    dynamodb_locks_table_name: 'javumbo-user-locks',
    lambda_function_name: 'javumbo-api',
    api_gateway_url: 'https://abc123.execute-api.us-east-1.amazonaws.com',
  }).map(([name, value]) => [name, { sensitive: false, type: 'string', value }]),
);

const sessionsOf = (path: string): string[] => blocksOf(page(path), 'sh').filter((block) => block.startsWith('$ '));
const pagesWithSessions = [...PAGES.keys()].filter((path) => sessionsOf(path).length > 0);

interface Step {
  readonly run?: string;
  readonly 'working-directory'?: string;
}

/** The pipelines of ci.md, as their shell sees them. */
const pipelines = blocksOf(page('docs/ci.md'), 'yaml').map((block) => {
  const document = parse(block);
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

test('the pipelines are three', () => {
  expect(pipelines.map(({ steps }) => steps.length)).toEqual([3, 3, 5]);
});

// Much of their time is spent in simulated round trips, so pages and pipelines run beside each other.
describe.concurrent('the pipelines', () => {
  test('the gate stops a slow one', async ({ expect }) => {
    await withPipeline(0, async ({ shell, s3, run }) => {
      s3.roundTripMs = 510;
      expect(await run({ wanted: (step) => step.includes('bench latency') })).toBe(7);
      expect(readFileSync(join(shell.work, 'summary.md'), 'utf8')).toMatch(/totalMs\.p95&lt;1000 \| missed/);
    });
  });

  test('the gate lets a sound deployment through, and both reports are on the summary page', async ({ expect }) => {
    await withPipeline(0, async ({ shell, s3, run }) => {
      // What a busy machine takes is not what is tested.
      const patient = (step: string): string => step.replace('totalMs.p95<1000', 'totalMs.p95<1000000');
      expect(await run({ changed: patient })).toEqual(0);
      const headings = readFileSync(join(shell.work, 'summary.md'), 'utf8').match(/^## .*$/gm);
      expect(headings).toEqual(['## ✅ javumbo verify day4', '## ✅ javumbo bench latency']);
      expect(s3.keys('my-bucket')).toEqual([]);
    });
  });

  // Both run day 4, which takes ten processes twice; once is enough.
  test('gate and JUnit stop one that loses writes, and their reports are where they are looked for', async ({
    expect,
  }) => {
    await withPipeline(1, async ({ shell, s3, run }) => {
      const junit: string[] = pipelines[1]?.document.verify.artifacts.reports.junit;
      s3.inject({ fault: 'ignore-conditions', operation: 'PutObject', times: 100_000 });
      expect(await run()).toBe(7);
      const failures = junit.map(
        (file) => /<testsuites [^>]*failures="(\d+)"/.exec(readFileSync(join(shell.work, file), 'utf8'))?.[1],
      );
      expect(failures).toEqual(['0', '2']);
      const { checks, failureReasons, passed } = JSON.parse(
        readFileSync(join(shell.work, 'day4.json'), 'utf8'),
      ) as Report;
      expect({ passed, ended: checks.map(({ id, status }) => `${id} ${status}`) }).toEqual({
        passed: false,
        ended: ['4.1 failed', '4.2 failed'],
      });
      expect(failureReasons.join(' ')).toContain('every acknowledged note is there');
      expect(readFileSync(join(shell.work, 'summary.md'), 'utf8')).toContain('## ❌ javumbo verify day4');
    });
  });

  // What a machine measures while others work on it says nothing: both reports are made, and then given their samples.
  test('the comparison lets a change through that costs nothing, and stops one that is 30 % slower', async ({
    expect,
  }) => {
    await withPipeline(2, async ({ shell, run }) => {
      expect(await run({ wanted: (step) => step.includes(' latency ') })).toBe(0);
      const compare = (): Promise<number> => run({ wanted: (step) => step.includes(' compare ') });
      giveSamples(join(shell.work, 'before.json'), 120, 1);
      giveSamples(join(shell.work, 'after.json'), 120, 2);
      expect(await compare()).toBe(0);
      giveSamples(join(shell.work, 'after.json'), 156, 2);
      expect(await compare()).toBe(7);
    });
  });
});

describe.concurrent('the sessions of', () => {
  test.for(pagesWithSessions)('%s', async (path, { expect }) => {
    const [shell, s3, dynamo] = await Promise.all([PageShell.open(), startS3Server(), startDynamoServer()]);
    try {
      standInForTerraform(shell);
      const places = {
        'http://127.0.0.1:7480': s3.endpoint,
        'http://127.0.0.1:8000': dynamo.endpoint,
        '=…': '=x',
      };
      for (const block of sessionsOf(path)) {
        const commands = await shell.runSession(block, places);
        for (const [index, { command, shown, code, actual }] of commands.entries()) {
          const failing = commands[index + 1]?.command === 'echo $?';
          expect({ command, failed: code !== 0, actual }).toEqual({ command, failed: failing, actual });
          if (shown !== '' && !patternOf(shown).test(actual))
            expect(`$ ${command}\n${actual}`).toBe(`$ ${command}\n${shown}`);
        }
      }
    } finally {
      shell.close();
      await Promise.all([s3.close(), dynamo.close()]);
    }
  });

  test('README for a fresh clone: they install, run the main job, and run the tests', async ({ expect }) => {
    const [main = '', tests = ''] = blocksOf(page('README.md'), 'sh').filter((block) => block.startsWith('npm ci'));
    expect(main).toMatch(/^npm ci && npm link && javumbo [^\n]+\n$/);
    expect(tests).toBe('npm ci && npm test\n');
    expect(readFileSync(join(ROOT, '.ci', 'run'), 'utf8')).toContain("\nbash -c 'npm ci && npm test'\n");
    const shell = await PageShell.open();
    try {
      const { code, output } = await shell.run(main.replace('npm ci && npm link && ', ''));
      expect(code, output).toBe(0);
    } finally {
      shell.close();
    }
  });
});

/** What Terraform would answer in a folder where infra/ has been applied. */
function standInForTerraform(shell: PageShell): void {
  mkdirSync(join(shell.work, 'infra'));
  const answer = `#!/bin/sh\necho '${JSON.stringify(TERRAFORM_OUTPUTS)}'\n`;
  writeFileSync(join(shell.directory, 'bin', 'terraform'), answer, { mode: 0o755 });
}

interface Pipeline {
  readonly shell: PageShell;
  readonly s3: S3Server;
  /** Runs its steps as CI does; returns the exit code of the first that fails, or 0. */
  run(options?: StepOptions): Promise<number>;
}

interface StepOptions {
  /** Which steps; default: all. */
  readonly wanted?: (step: string) => boolean;
  /** What runs instead of a step. */
  readonly changed?: (step: string) => string;
}

/** Hands `work` a pipeline with a bucket of its own. */
async function withPipeline(index: number, work: (pipeline: Pipeline) => Promise<void>): Promise<void> {
  const { steps = [], variables = {} } = pipelines[index] ?? {};
  const [shell, s3] = await Promise.all([PageShell.open(), startS3Server({ buckets: ['my-bucket'] })]);
  const env = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    GITHUB_ACTIONS: 'true',
    GITHUB_SHA: 'f'.repeat(40),
    GITHUB_STEP_SUMMARY: join(shell.work, 'summary.md'),
    ...variables,
  };
  try {
    await work({
      shell,
      s3,
      run: async ({ wanted = () => true, changed = (step) => step }: StepOptions = {}) => {
        for (const { run, directory } of steps) {
          // That it installs is what the test of a fresh clone is about.
          if (run === 'npm ci') continue;
          expect(run).toMatch(/^(env -u GITHUB_SHA )?npx javumbo /);
          if (!run.includes(' compare ')) expect(run).toContain(' --deployment aws');
          if (!wanted(run)) continue;
          const cwd = join(shell.work, directory);
          mkdirSync(cwd, { recursive: true });
          const { code } = await shell.run(changed(run), { cwd, env });
          if (code !== 0) return code;
        }
        return 0;
      },
    });
  } finally {
    shell.close();
    await s3.close();
  }
}

/** Replaces what a report measured by samples around a median, with a network's noise. */
function giveSamples(file: string, medianMs: number, seed: number): void {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  const random = seededRandom(seed);
  for (const [name, metric] of Object.entries(report.metrics as Record<string, { samples: number[] }>)) {
    report.metrics[name] = metricOf(metric.samples.map(() => medianMs * (0.95 + 0.1 * random.fraction())));
  }
  writeFileSync(file, JSON.stringify(report));
}
