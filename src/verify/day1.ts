import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testUser } from '../core/test-data.ts';
import type { Deployment } from '../deployment/deployment.ts';
import type { FunctionClient } from '../function/client.ts';
import { askApi, healthyVersion } from '../function/health.ts';
import { startLocalGateway } from '../function/local-gateway.ts';
import { type Assert, skipReasonOf, type Test, type TestInputs } from './check.ts';
import { withTestAccounts, withTestDatabase } from './test-data.ts';

/** Day 1: the parts of the deployment talk to each other. Tests 1.1 to 1.5, which deploy and change nothing. */
export async function day1(deployment: Deployment, inputs: TestInputs): Promise<Test[]> {
  const { expectBody } = inputs;
  // Without requests: an engine for S3 alone has no tables, and one without Lambda has no function.
  const noAccounts = await deployment.accounts().then(() => undefined, skipReasonOf);
  const noFunction = await deployment.function().then(() => undefined, skipReasonOf);
  const isLocal = deployment.config.function.value === 'local';
  return [
    {
      id: '1.1',
      name: 'an object is put, got and deleted',
      try: 'javumbo deployment describe, and credentials that may read and write the bucket',
      run: (assert) => bucketAccess(assert, deployment, inputs),
    },
    {
      id: '1.2',
      name: 'an account is put, got and deleted',
      try: 'javumbo deployment describe, and credentials that may read and write the users table',
      skipReason: noAccounts,
      run: (assert) => tableAccess(assert, deployment, inputs),
    },
    {
      id: '1.3',
      name: 'the function can be invoked',
      try: "javumbo function describe; a function that is not javumbo's is tested with --expect-body",
      skipReason: noFunction,
      run: (assert) => invocation(assert, deployment, expectBody),
    },
    {
      id: '1.4',
      name: 'the HTTP API passes requests on to the function',
      try: 'the log of the API, /aws/apigateway/<function> in CloudWatch, and its permission to invoke the function',
      skipReason:
        noFunction ??
        (deployment.config.apiUrl.value === undefined && !isLocal
          ? 'nothing says where the HTTP API is: --api-url, JAVUMBO_API_URL or --terraform'
          : undefined),
      run: (assert) => throughTheApi(assert, deployment, inputs),
    },
    {
      id: '1.5',
      name: 'the function may do what it must',
      try: "the rights of the function's role: infra/iam.tf lists what it needs",
      skipReason:
        expectBody === undefined
          ? (noFunction ?? noAccounts)
          : "--expect-body says that the function is not javumbo's, and only that one can check its rights",
      run: (assert) => ownRights(assert, deployment, inputs),
    },
  ];
}

async function bucketAccess(assert: Assert, deployment: Deployment, inputs: TestInputs): Promise<void> {
  const { store, cache } = deployment;
  await withTestDatabase(assert, { deployment, inputs }, '1-1', async (username) => {
    const work = cache.workDirectory();
    try {
      const directory = mkdtempSync(join(work.path, 'verify-'));
      const [sent, received] = [join(directory, 'sent'), join(directory, 'received')];
      writeFileSync(sent, `test data ${inputs.random.hex(16)}\n`);
      const condition = { kind: 'absent' } as const;
      const put = await store.put(username, sent, { condition, writes: [inputs.random.hex(16)] });
      assert.equal('the object is put', put.kind, 'committed');
      const got = await store.get(username, received);
      assert.equal('it is got', got.kind, 'found');
      if (got.kind !== 'found') return;
      const [bytes, wanted] = [received, sent].map((path) => readFileSync(path, 'utf8').trimEnd());
      assert.equal('its bytes are those that were put', bytes ?? '', wanted ?? '');
      if (inputs.run.keep) return;
      assert.equal('it is deleted', (await store.delete(username, { ifVersion: got.version })).kind, 'deleted');
      assert.equal('it is gone', (await store.head(username))?.version ?? 'no object', 'no object');
    } finally {
      work.release();
    }
  });
}

async function tableAccess(assert: Assert, deployment: Deployment, inputs: TestInputs): Promise<void> {
  await withTestAccounts(assert, { deployment, inputs }, ['1-2'], async ({ usernames, table }) => {
    const [username = ''] = usernames;
    const item = { username, name: 'Test User', createdAt: new Date(inputs.clock.now()).toISOString() };
    assert.equal('the item is put', (await table.putIfAbsent(item)).kind, 'created');
    const found = await table.get(username);
    assert.equal('it is got', found?.username ?? '', username);
    assert.equal('its name is the one that was put', found?.name ?? '', item.name);
    if (found === undefined || inputs.run.keep) return;
    assert.equal('it is deleted', (await table.delete(found)).kind, 'deleted');
    assert.equal('it is gone', (await table.get(username))?.username ?? 'no item', 'no item');
  });
}

async function invocation(assert: Assert, deployment: Deployment, expectBody: string | undefined): Promise<void> {
  const client = await deployment.function();
  if (expectBody !== undefined) {
    const { statusCode, body } = returnedBy(await client.raw('{}'));
    assert.equal('the function answers with status 200', statusCode, 200);
    assertBody(assert, body, expectBody);
    return;
  }
  const answer = await client.call({ operation: 'ping' });
  // The client throws for any other answer.
  assert("javumbo's function answers, and names its container", answer.container.id !== '', {
    expected: 'the id of a container',
    actual: answer.container.id,
  });
}

async function throughTheApi(assert: Assert, deployment: Deployment, inputs: TestInputs): Promise<void> {
  const { signal, expectBody } = inputs;
  await withApi(deployment, inputs, async (url) => {
    const answer = await askApi(url, deployment.config, signal);
    assert.equal('the API answers with status 200', answer.status, 200);
    if (expectBody !== undefined) {
      assertBody(assert, answer.body, expectBody);
      return;
    }
    const version = healthyVersion(answer);
    assert("the answer is the function's", version !== undefined, {
      expected: "javumbo's health answer",
      actual: version === undefined ? answer.body.slice(0, 80) : version,
    });
    const path = `${url.replace(/\/$/, '')}/any/path?operation=cleanup`;
    const other = await askApi(path, deployment.config, signal);
    assert('so is the one of any path', version !== undefined && healthyVersion(other) === version, {
      expected: "javumbo's health answer",
      actual: healthyVersion(other) ?? other.body.slice(0, 80),
    });
  });
}

/** Hands `use` the configured API or, for a local function without one, a gateway on loopback that it closes afterwards. */
async function withApi(deployment: Deployment, inputs: TestInputs, use: (url: string) => Promise<void>): Promise<void> {
  const configured = deployment.config.apiUrl.value;
  if (configured !== undefined) return use(configured);
  const client = await deployment.function();
  const gateway = await startLocalGateway({ invoke: (payload) => client.invoke(payload), ...inputs });
  try {
    await use(gateway.url);
  } finally {
    await gateway.close();
  }
}

async function ownRights(assert: Assert, deployment: Deployment, inputs: TestInputs): Promise<void> {
  const client: FunctionClient = await deployment.function();
  // The function removes its own test data whatever --keep says.
  const run = { ...inputs.run, keep: false };
  // Its removal may lack the very right that is missing, or have been cut short.
  const removeAccount = run.cleanUps.add(async () => {
    const accounts = await deployment.accounts();
    const left = await accounts.get(testUser(run, 'selfcheck'));
    if (left !== undefined) await accounts.delete(left);
  });
  try {
    await withTestDatabase(assert, { deployment, inputs: { ...inputs, run } }, 'selfcheck', async () => {
      const { result } = await client.call({ operation: 'selfcheck', run: run.id });
      for (const { name, passed, reason } of result.checks) {
        assert(`${name} succeeds`, passed, reason === undefined ? {} : { expected: 'no error', actual: reason });
      }
      assert.equal('all of it was tried', result.checks.length, 6);
    });
  } catch (error) {
    // The error of the work matters more than that of its clean-up, which is only reported.
    await removeAccount().catch((left) => run.onLeft?.(left));
    throw error;
  }
  await removeAccount();
}

/** Takes what any function returned for an HTTP answer if it has a status, else for its body. */
function returnedBy(payload: string): { readonly statusCode: number; readonly body: string } {
  try {
    const { statusCode, body } = JSON.parse(payload) as { statusCode?: unknown; body?: unknown };
    if (typeof statusCode === 'number') {
      return { statusCode, body: typeof body === 'string' ? body : JSON.stringify(body ?? '') };
    }
  } catch {}
  return { statusCode: 200, body: payload };
}

function assertBody(assert: Assert, body: string, expected: string): void {
  assert('the body contains what is expected', body.includes(expected), {
    expected: `a body with ${expected}`,
    actual: body.slice(0, 200),
  });
}
