/** What stands before the store passes a write on, and then answers with a page of its own. */
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { freshMachine, IMPATIENT, runCommand } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';

const PAGE =
  '<html>\r\n<head><title>no</title></head>\r\n<body>\r\n<center><h1>no</h1></center>\r\n<hr>\r\n</body>\r\n</html>';
const SQL = 'INSERT INTO t VALUES (1)';

let s3: S3Server;
let dynamo: DynamoServer;
let proxy: Server;
/** What is answered with a page: after it was passed on, or instead. */
let pages: {
  readonly of: RegExp;
  readonly status: number;
  readonly body: string;
  readonly passed: boolean;
  left: number;
}[];
let machine: NodeJS.ProcessEnv;

beforeAll(async () => {
  s3 = await startS3Server({ buckets: ['b'] });
  dynamo = await startDynamoServer();
  await dynamo.createTable('javumbo-users');
  proxy = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const target = incoming.headers['x-amz-target'];
    const name = target === undefined ? `${incoming.method}` : String(target).split('.').at(-1);
    const page = pages.find(({ of, left }) => left > 0 && of.test(name ?? ''));
    if (page !== undefined) page.left--;
    const answer = (): void => {
      outgoing.writeHead(page?.status ?? 500, { 'content-type': 'text/html' });
      outgoing.end(incoming.method === 'HEAD' ? undefined : page?.body);
    };
    if (page?.passed === false) {
      answer();
      return;
    }
    const place = target === undefined ? s3.endpoint : dynamo.endpoint;
    const options = { method: incoming.method ?? 'GET', headers: incoming.headers };
    const inner = forward(place + incoming.url, options, (reply) => {
      if (page === undefined) {
        outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
        reply.pipe(outgoing);
      } else reply.resume().on('end', answer);
    });
    inner.end(Buffer.concat(chunks));
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
});

beforeEach(async () => {
  pages = [];
  s3.reset();
  machine = freshMachine();
  expect((await javumbo('db', 'create', 'alice')).code).toBe(0);
  expect((await javumbo('db', 'exec', 'alice', 'CREATE TABLE t (x)')).code).toBe(0);
});

afterAll(async () => {
  proxy.closeAllConnections();
  await new Promise((done) => proxy.close(done));
  await s3.close();
  await dynamo.close();
});

function javumbo(...argv: string[]) {
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return runCommand([...argv, '--bucket', 'b', '--endpoint-url', url, '--dynamodb-endpoint-url', url, '--json'], {
    env: { ...machine, AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' },
    clock: IMPATIENT,
    piped: 'correct horse battery',
  });
}

async function rows(): Promise<number> {
  return (await javumbo('db', 'query', 'alice', 'SELECT count(*) AS n FROM t')).json().rows[0].n;
}

const REPLIES = [
  { status: 403, body: PAGE },
  { status: 403, body: '' },
  { status: 404, body: '<html><body>no</body></html>' },
  { status: 405, body: 'no' },
  { status: 413, body: PAGE },
  { status: 502, body: PAGE },
];

describe.each(REPLIES)('a page of $status after the work: $body', ({ status, body }) => {
  const page = (of: RegExp, left = 1): void => void pages.push({ of, status, body, passed: true, left });

  test('an update is committed, once', async () => {
    page(/^PUT$/);
    expect((await javumbo('db', 'exec', 'alice', SQL)).json()).toMatchObject({ outcome: 'committed' });
    expect({ rows: await rows(), left: pages[0]?.left }).toEqual({ rows: 1, left: 0 });
  });

  test('a database is created', async () => {
    page(/^PUT$/);
    expect((await javumbo('db', 'create', 'bob')).json()).toMatchObject({ outcome: 'committed' });
  });

  test('a database is deleted', async () => {
    // Not the trial of how the engine deletes, which comes first.
    expect((await javumbo('db', 'create', 'carol')).code).toBe(0);
    expect((await javumbo('db', 'delete', '--yes', 'carol')).code).toBe(0);
    page(/^DELETE$/);
    const { code } = await javumbo('db', 'delete', '--yes', 'alice');
    expect({ code, keys: s3.keys('b') }).toEqual({ code: 0, keys: [] });
  });

  test('an account is created, changed and deleted', async () => {
    page(/^PutItem$/);
    expect((await javumbo('user', 'create', 'bob', '--name', 'Bob', '--password-stdin')).code).toBe(0);
    page(/^(PutItem|UpdateItem)$/);
    expect((await javumbo('user', 'update', 'bob', '--name', 'Robert')).code).toBe(0);
    expect((await javumbo('user', 'get', 'bob')).json()).toMatchObject({ name: 'Robert' });
    page(/^DeleteItem$/);
    expect((await javumbo('user', 'delete', '--yes', 'bob')).code).toBe(0);
    expect((await javumbo('user', 'get', 'bob')).code).toBe(3);
  });
});

describe('a page instead of the work', () => {
  test('to the write alone: it is looked for, is not there, and is told as refused', async () => {
    pages.push({ of: /^PUT$/, status: 403, body: PAGE, passed: false, left: 1 });
    const { code, failure } = await javumbo('db', 'exec', 'alice', SQL);
    expect({ code, kind: failure().kind, rows: await rows() }).toEqual({ code: 5, kind: 'unavailable', rows: 0 });
  });

  test('to everything: nothing was passed on', async () => {
    pages.push({ of: /./, status: 403, body: PAGE, passed: false, left: 1_000 });
    const { code, failure } = await javumbo('db', 'exec', 'alice', SQL);
    expect({ code, kind: failure().kind }).toEqual({ code: 5, kind: 'unavailable' });
  });

  test('to the write after its work, and no answer to the look: that is unknown', async () => {
    pages.push({ of: /^PUT$/, status: 403, body: PAGE, passed: true, left: 1 });
    pages.push({ of: /^HEAD$/, status: 503, body: PAGE, passed: false, left: 1_000 });
    const { code, failure } = await javumbo('db', 'exec', 'alice', SQL);
    expect({ code, kind: failure().kind }).toEqual({ code: 6, kind: 'unknown' });
    pages = [];
    expect(await rows()).toBe(1);
  });
});
