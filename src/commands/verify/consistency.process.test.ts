import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { HTTP_FAULTS } from '../../consistency/http-faults.ts';
import { killGroup, runScript, SCRIPTS, startScript } from '../../testing/child-process.ts';
import { startDynamoServer } from '../../testing/dynamo-server.ts';
import { asReport } from '../../testing/report-schema.ts';
import { freshMachine, runCommand } from '../../testing/run-command.ts';
import { startS3Server } from '../../testing/s3-server/server.ts';
import { startTlsFront } from '../../testing/tls-front.ts';

const VERIFY = ['verify', 'consistency', '--quiet'];

test.each([
  { name: 'a sabotage that nobody knows', argv: ['--sabotage', 'nonsense'], says: 'there is no sabotage nonsense' },
  { name: 'a fault that cannot be made there', argv: ['--faults', 'cut-body'], says: 'there is no fault cut-body' },
  { name: 'a duration without a unit', argv: ['--duration', '60'], says: 'It needs a unit' },
  { name: 'a history that is not there', argv: ['--check', 'nowhere.jsonl'], says: 'nowhere.jsonl cannot be read' },
])('$name is refused', async ({ argv, says }) => {
  const { code, stderr } = await runCommand([...VERIFY, ...argv], { env: freshMachine() });
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(says) });
});

test('a history that is there is not written over', async () => {
  const env = freshMachine();
  const history = join(env.HOME, 'run.jsonl');
  writeFileSync(history, 'mine');
  const { code } = await runCommand([...VERIFY, '--history', history], { env });
  expect({ code, text: readFileSync(history, 'utf8') }).toEqual({ code: 2, text: 'mine' });
});

const VIOLATION = [
  {
    kind: 'consistency',
    schemaVersion: 1,
    run: '3b6b7f',
    startedAt: '2026-11-27T01:14:53Z',
    deployment: { kind: 'aws' },
    seed: 1,
    users: ['u'],
    faults: [],
  },
  { call: 'f-1', client: 'founder', user: 'u', about: 'database', kind: 'create', value: 'v0.2' },
  { return: 'f-1', outcome: 'committed' },
  { call: 'c1-6', client: 'c1', user: 'u', about: 'database', kind: 'create', value: 'v1.4' },
  { return: 'c1-6', outcome: 'committed' },
];

test('a violation is drawn in the words of --check, with a bar for each call', async () => {
  const env = freshMachine();
  const [history, page] = [join(env.HOME, 'run.jsonl'), join(env.HOME, 'page.html')];
  writeFileSync(history, VIOLATION.map((line) => JSON.stringify(line)).join('\n'));
  const checked = await runCommand([...VERIFY, '--check', history, '--report', `html=${page}`], { env });
  const words = [...checked.stdout.matchAll(/^ {2}lines \S+ +(.*)$/gm)].map(([, line = '']) => line);
  expect({ code: checked.code, words }).toEqual({ code: 7, words: expect.arrayContaining([expect.any(String)]) });
  const text = readFileSync(page, 'utf8');
  for (const line of words) expect(text).toContain(`<li>${line} <span`);
  expect(text.match(/<rect class="first fill"/g)).toHaveLength(words.length);
  expect(text.indexOf('Contradictions')).toBeLessThan(text.indexOf('<h2>Checks'));
});

test('killed while its clients work, it leaves what clean all removes, and a history that can be judged', async () => {
  const env = freshMachine();
  const TMPDIR = join(env.HOME, 'tmp');
  mkdirSync(TMPDIR);
  const history = join(env.HOME, 'run.jsonl');
  const argv = [...VERIFY, '--clients', '3', '--duration', '1h', '--history', history];
  const running = startScript(SCRIPTS.javumbo, argv, { ...env, TMPDIR });
  const returned = (): number => (existsSync(history) ? readFileSync(history, 'utf8').split('"return"').length - 1 : 0);
  while (returned() < 60) await sleep(20);
  running.signal('SIGKILL');
  await running.ended;
  // The clients end with their parent.
  killGroup(running);

  const checked = await runCommand(['verify', 'consistency', '--check', history, '--json'], { env });
  const report = asReport(checked.json());
  expect({ code: checked.code, reasons: report.failureReasons }).toEqual({ code: 0, reasons: [] });
  expect(report.history?.operations).toBeGreaterThanOrEqual(60);
  expect(report.history?.faults).toEqual({});

  expect((await runCommand(['clean', 'all', '--quiet'], { env })).code).toBe(0);
  const databases = join(env.JAVUMBO_HOME ?? '', 'databases');
  expect(existsSync(databases) ? readdirSync(databases) : []).toEqual([]);
  const users = await runCommand(['user', 'list', '--json', '--quiet'], { env });
  expect(users.json().users).toEqual([]);
});

test('over https its clients meet the same faults', async () => {
  const [s3, dynamo] = await Promise.all([startS3Server({ buckets: ['bucket'] }), startDynamoServer()]);
  const secure = await startTlsFront(s3.endpoint, 'IP:127.0.0.1');
  try {
    await dynamo.createTable('javumbo-users');
    const env = {
      ...freshMachine(),
      S3_BUCKET: 'bucket',
      AWS_ENDPOINT_URL_S3: `https://127.0.0.1:${secure.port}`,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
      AWS_ACCESS_KEY_ID: 'key',
      AWS_SECRET_ACCESS_KEY: 'secret',
      NODE_EXTRA_CA_CERTS: secure.certificate,
    };
    const argv = [...VERIFY, '--clients', '4', '--duration', '2s', '--json'];
    const { history, checks } = asReport(JSON.parse((await runScript(SCRIPTS.javumbo, argv, env)).stdout));
    expect(history?.anomalies).toEqual([]);
    expect(checks.find(({ id }) => id === 'engine.put')?.status).toBe('passed');
    const { killed, ...faults } = history?.faults ?? {};
    expect(Object.keys(faults).sort()).toEqual([...HTTP_FAULTS].sort());
    expect(faults.delay?.landed).toBeGreaterThan(0);
  } finally {
    secure.close();
    await Promise.all([s3.close(), dynamo.close()]);
  }
});
