/** Each test of week 1, made to fail on purpose: every report says what was expected and what came. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PLAIN } from '../cli/paint.ts';
import { verifyViewOf } from '../commands/verify/view.ts';
import { loadConfig } from '../config/load.ts';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { systemRandom } from '../core/random.ts';
import { newRunId } from '../core/test-data.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { openDeployment } from '../deployment/open.ts';
import { assertionText } from '../report/assertion-text.ts';
import type { Report } from '../report/document.ts';
import { junitOf } from '../report/junit.ts';
import { markdownOf } from '../report/markdown.ts';
import { loadPrices } from '../report/prices.ts';
import { startReport } from '../report/start.ts';
import { freshMachine } from '../testing/run-command.ts';
import { DAYS } from './days.ts';
import { runDays } from './run.ts';

vi.mock('bcryptjs', () => import('../testing/quick-bcrypt.ts'));

// biome-ignore lint/suspicious/noExplicitAny: what is replaced has the types of what it replaces
type Any = any;

/** An object with some of its members replaced; the others work on the object itself. */
function over<T extends object>(target: T, replaced: (target: T) => Record<string, Any>): T {
  const own = replaced(target);
  return new Proxy(target, {
    get: (_, name: string) => {
      const member: Any = own[name] ?? target[name as keyof T];
      return typeof member === 'function' && own[name] === undefined ? member.bind(target) : member;
    },
  });
}

let apiUrl: string;
let api: Server;
let deployment: Deployment;
const context: Context = {
  env: freshMachine(),
  stdout: { write: () => true },
  stderr: { write: () => true },
  clock: systemClock,
  random: systemRandom,
  cleanUps: new CleanUps(),
};

beforeAll(async () => {
  api = createServer((_, response) => response.end('Bye'));
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  apiUrl = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  deployment = await openDeployment(await loadConfig({ deployment: 'local', rtt: '1ms' }, context.env, {}), context);
});

afterAll(async () => {
  deployment.close();
  await new Promise((resolve) => api.close(resolve));
});

const store = (replaced: (honest: Deployment['store']) => Record<string, Any>): Deployment =>
  over(deployment, ({ store: honest }) => ({ store: over(honest, replaced) }));

const users = (replaced: (honest: Any) => Record<string, Any>): Deployment =>
  over(deployment, (honest) => ({ users: async () => over(await honest.users(), replaced) }));

const databases = (replaced: (honest: Any) => Record<string, Any>): Deployment =>
  over(deployment, (honest) => ({ databases: (options: Any) => over(honest.databases(options), replaced) }));

/** A deployment that has made one more GET each time somebody asks. */
function overcounting(): Deployment {
  let more = 0;
  return over(deployment, (honest) => ({
    usage: () => {
      const usage = honest.usage();
      return { ...usage, store: { ...usage.store, get: usage.store.get + ++more } };
    },
  }));
}

const withFunction = (client: Record<string, Any>): Deployment =>
  over(deployment, () => ({ function: async () => client }));

const ROWS: readonly {
  readonly id: string;
  readonly on: () => Deployment;
  readonly expectBody?: string;
  readonly says: RegExp;
}[] = [
  {
    id: '1.1',
    on: () => store((honest) => ({ head: async (name: string) => honest.head(name).then(() => ({ version: 'v9' })) })),
    says: /^it is gone: expected no object, got v9$/,
  },
  {
    id: '1.2',
    on: () => users((honest) => ({ get: async (name: string) => ({ ...(await honest.get(name)), name: 'Somebody' }) })),
    says: /^its name is the one that was put: expected Test User, got Somebody$/,
  },
  {
    id: '1.3',
    on: () => withFunction({ raw: async () => '{"statusCode":200,"body":"Bye"}' }),
    expectBody: 'Hello',
    says: /^the body contains what is expected: expected a body with Hello, got Bye$/,
  },
  {
    id: '1.4',
    on: () => over(deployment, ({ config }) => ({ config: { ...config, apiUrl: { value: apiUrl, source: 'flag' } } })),
    expectBody: 'Hello',
    says: /^the body contains what is expected: expected a body with Hello, got Bye$/,
  },
  {
    id: '1.5',
    on: () =>
      withFunction({
        call: async () => ({ result: { checks: [{ name: 'S3 put_object', passed: false, reason: 'AccessDenied' }] } }),
      }),
    says: /^S3 put_object succeeds: expected no error, got AccessDenied$/,
  },
  {
    id: '2.1',
    on: () => store(() => ({ head: async () => ({ version: 'v9', sizeBytes: 1 }) })),
    says: /^the user has no database yet: expected none, got v9$/,
  },
  {
    id: '2.2',
    on: () =>
      databases((honest) => ({
        update: async (...given: Any[]) => ({ ...(await honest.update(...given)), version: 'v9' }),
      })),
    says: /^the second connection sees that version: expected v9, got [0-9a-z]/,
  },
  {
    id: '2.3',
    on: overcounting,
    says: /^each takes one GET and one PUT: expected 10 GET, 10 PUT, 0 HEAD, got \d\d GET/,
  },
  { id: '3.1', on: overcounting, says: /^warm reads ask the store nothing: expected 0, got [1-9]/ },
  { id: '3.2', on: overcounting, says: /^a hit asks the store nothing: expected 0, got [1-9]/ },
  { id: '3.3', on: overcounting, says: /^a second one does not: expected 0, got 1$/ },
  {
    id: '4.1',
    on: () =>
      over(deployment, (honest) => ({
        machine: (ms: number) =>
          over(honest.machine(ms), (machine) => ({
            databases: over(machine.databases, (own) => ({
              openForWriting: async (name: string) =>
                over(await own.openForWriting(name), (session) => ({
                  commit: async () => ({ ...(await session.commit()), kind: 'committed' }),
                })),
            })),
          })),
      })),
    says: /^the second writer gets a conflict: expected conflict, got committed$/,
  },
  {
    id: '4.2',
    on: () =>
      databases((honest) => ({
        read: async (...given: Any[]) => {
          const found = await honest.read(...given);
          return Array.isArray(found) ? found.slice(0, 5) : found;
        },
      })),
    says: /^with retries: every acknowledged note is there: expected nothing, got 10\d\d, /,
  },
  {
    id: '5.1',
    on: () =>
      users((honest) => ({ get: async (name: string) => ({ ...(await honest.get(name)), passwordHash: 'plain' }) })),
    says: /^the password is a bcrypt hash .*: expected \$2b\$, 60 characters, got plai, 5 characters$/,
  },
  {
    id: '5.2',
    on: () => users((honest) => ({ replace: async (base: Any) => honest.replace(base, { name: 'Renamed User' }) })),
    says: /^the new password is valid: expected valid, got not valid$/,
  },
  {
    id: '5.3',
    on: () => users(() => ({ delete: async () => ({ kind: 'deleted' }) })),
    says: /^the deleted ones are gone: expected 0, got 3$/,
  },
];

test('every test of every day has a row', () => {
  expect(ROWS.map(({ id }) => id)).toEqual(DAYS.flatMap(({ tests }) => [...tests]));
});

test.each(ROWS)('test $id says what was expected and what came', async ({ id, on, expectBody, says }) => {
  const report = await reportOn(id, on(), expectBody);
  const [check] = report.checks;
  const failed = check?.assertions.filter(({ passed }) => !passed) ?? [];
  // Each of them has both, whatever it claims.
  for (const { expected, actual } of failed) expect([expected, actual]).not.toContain(undefined);
  const text = failed.map(assertionText).find((each) => says.test(each));
  expect(text, failed.map(assertionText).join('\n')).toBeDefined();
  const people = verifyViewOf(false).text?.({ report, days: [], failure: undefined }, PLAIN) ?? '';
  expect(people).toContain(`\n  ✗ ${text}\n`);
  expect(people).not.toContain('✓');
  const plain = (rendered: string): string =>
    rendered.replace(/\\(.)/g, '$1').replaceAll('&apos;', "'").replaceAll('&quot;', '"').replaceAll('&gt;', '>');
  expect(plain(junitOf(report))).toContain(text);
  expect(plain(markdownOf(report))).toContain(text);
});

async function reportOn(id: string, broken: Deployment, expectBody: string | undefined): Promise<Report> {
  const day = DAYS.find(({ tests }) => tests.some((each) => each === id));
  if (day === undefined) throw new Error(`no day has test ${id}`);
  const start = { kind: 'verify', name: day.name, parameters: {}, operation: 'one run', thresholds: [] } as const;
  const started = await startReport({ ...start, prices: await loadPrices(undefined) }, 'local', context);
  const run = { id: newRunId(systemRandom), keep: false, cleanUps: context.cleanUps };
  const options = { only: new Set([id]), failFast: false, noSkips: true };
  const listener = { started: () => {}, ended: () => {} };
  return (await runDays(started, [day], broken, { ...context, run, expectBody }, options, listener)).report;
}
