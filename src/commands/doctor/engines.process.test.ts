/** The verdict of doctor on engines that differ from S3 in one thing each. */
import { createServer, request as forward, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Finding } from '../../doctor/finding.ts';
import { freshMachine, runCommand } from '../../testing/run-command.ts';
import { type S3Server, startS3Server } from '../../testing/s3-server/server.ts';

interface Reply {
  status: number;
  readonly headers: IncomingHttpHeaders;
  body: Buffer;
}

/** One deviation from S3. */
interface Quirk {
  /** Changes what the engine is asked. Returns a reply to give instead. */
  readonly onRequest?: (
    method: string,
    url: URL,
    headers: IncomingHttpHeaders,
    size: (key: string) => number | undefined,
  ) => { readonly status: number; readonly code?: string; readonly body?: string } | undefined;
  /** Changes what it answers. */
  readonly onReply?: (method: string, url: URL, reply: Reply) => void;
}

let store: S3Server;
let engine: Server;

afterEach(async () => {
  engine.closeAllConnections();
  await new Promise((done) => engine.close(done));
  await store.close();
});

async function open({ onRequest = () => undefined, onReply = () => {} }: Quirk): Promise<NodeJS.ProcessEnv> {
  store = await startS3Server({ buckets: ['b'] });
  const size = (key: string): number | undefined => (store.keys('b').includes(key) ? 1 : undefined);
  engine = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const url = new URL(incoming.url ?? '', 'http://engine');
    const method = incoming.method ?? '';
    const headers = { ...incoming.headers };
    const refusal = onRequest(method, url, headers, size);
    if (refusal !== undefined) {
      const { status, code, body = `<Error><Code>${code}</Code><Message>no</Message></Error>` } = refusal;
      outgoing.writeHead(status, { 'content-type': 'application/xml' });
      outgoing.end(body);
      return;
    }
    const path = url.pathname + url.search;
    const inner = forward(store.endpoint + path, { method, headers }, async (answer) => {
      const parts: Buffer[] = [];
      for await (const part of answer as AsyncIterable<Buffer>) parts.push(part);
      const reply: Reply = {
        status: answer.statusCode ?? 0,
        headers: { ...answer.headers },
        body: Buffer.concat(parts),
      };
      onReply(method, url, reply);
      if (method !== 'HEAD') reply.headers['content-length'] = String(reply.body.length);
      outgoing.writeHead(reply.status, reply.headers);
      outgoing.end(reply.body);
    });
    inner.on('error', () => outgoing.destroy());
    inner.end(Buffer.concat(chunks));
  });
  await new Promise<void>((done) => engine.listen(0, '127.0.0.1', done));
  return {
    ...freshMachine(),
    AWS_ACCESS_KEY_ID: 'key',
    AWS_SECRET_ACCESS_KEY: 'secret',
    S3_BUCKET: 'b',
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${(engine.address() as AddressInfo).port}`,
  };
}

const keyIn = (url: URL): string => decodeURIComponent(url.pathname.slice('/b/'.length));
const isObject = (url: URL): boolean => keyIn(url) !== '';

function refusingConditions(status: number, code: string): NonNullable<Quirk['onRequest']> {
  return (_, __, headers) => ((headers['if-match'] ?? headers['if-none-match']) ? { status, code } : undefined);
}

const UNSAFE: readonly { readonly name: string; readonly quirk: Quirk; readonly message: RegExp }[] = [
  {
    name: 'that takes an update over nothing',
    quirk: {
      onRequest: (method, url, headers, size) => {
        if (method === 'PUT' && size(keyIn(url)) === undefined) delete headers['if-match'];
        return undefined;
      },
    },
    message: /an update over nothing is accepted/,
  },
  {
    name: 'that does not know conditions',
    quirk: { onRequest: refusingConditions(501, 'NotImplemented') },
    message: /a create that asks for nothing to be there is refused \(501 NotImplemented\)/,
  },
  {
    name: 'that knows If-None-Match alone',
    quirk: {
      onRequest: (method, _, headers) =>
        method === 'PUT' && headers['if-match'] !== undefined ? { status: 400, code: 'InvalidArgument' } : undefined,
    },
    message: /an update that names the current version is refused \(400 InvalidArgument\)/,
  },
  {
    name: 'that knows no method with a condition',
    quirk: { onRequest: refusingConditions(405, 'MethodNotAllowed') },
    message: /a create that asks for nothing to be there is refused \(405 MethodNotAllowed\)/,
  },
  {
    name: 'that finds a condition to be no operation',
    quirk: { onRequest: refusingConditions(400, 'UnsupportedOperation') },
    message: /a create that asks for nothing to be there is refused \(400 UnsupportedOperation\)/,
  },
  {
    name: 'that finds the header to be wrong',
    quirk: { onRequest: refusingConditions(400, 'InvalidHeader') },
    message: /a create that asks for nothing to be there is refused \(400 InvalidHeader\)/,
  },
  {
    name: 'whose ETags are weak',
    quirk: {
      onReply: (_, __, { headers }) => {
        if (headers.etag !== undefined) headers.etag = `W/${headers.etag}`;
      },
    },
    message: /an update over the current version is refused, for its ETags are weak/,
  },
  {
    name: 'that returns other bytes',
    quirk: {
      onReply: (method, url, { status, body }) => {
        if (method === 'GET' && isObject(url) && status === 200) body.fill(0, 5, 9);
      },
    },
    message: /what was written reads back as other bytes/,
  },
  {
    name: 'that adds to what it returns',
    quirk: {
      onReply: (method, url, reply) => {
        if (method === 'GET' && isObject(url) && reply.status === 200) {
          reply.body = Buffer.concat([reply.body, Buffer.from('\n')]);
        }
      },
    },
    message: /its length is another/,
  },
  {
    name: 'that forgets metadata',
    quirk: {
      onReply: (_, __, { headers }) => {
        for (const name of Object.keys(headers)) if (name.startsWith('x-amz-meta-')) delete headers[name];
      },
    },
    message: /its metadata is lost/,
  },
];

async function findings(env: NodeJS.ProcessEnv): Promise<{ code: number; findings: Record<string, Finding> }> {
  const ended = await runCommand(['doctor', '--json', '--quiet'], { env });
  const report = ended.json<{ findings: Finding[] }>();
  return { code: ended.code, findings: Object.fromEntries(report.findings.map((finding) => [finding.id, finding])) };
}

describe('unsafe is an engine', () => {
  test.each(UNSAFE)('$name', async ({ quirk, message }) => {
    const env = await open(quirk);
    const { code, findings: found } = await findings(env);
    expect(code).toBe(7);
    expect(found['conditional-writes']).toMatchObject({
      severity: 'unsafe',
      message: expect.stringMatching(message),
      try: expect.stringMatching(/another store/),
    });
    expect(store.keys('b')).toEqual([]);
    const refused = await runCommand(['db', 'create', 'alice', '--json', '--quiet'], { env });
    expect(refused.failure()).toMatchObject({ kind: 'violation', message: expect.stringMatching(message) });
  });
});

const LISTS: readonly { readonly name: string; readonly quirk: Quirk; readonly message: RegExp }[] = [
  {
    name: 'that ignores the prefix',
    quirk: {
      onRequest: (_, url) => {
        url.searchParams.delete('prefix');
        return undefined;
      },
    },
    message: /a list cannot be relied on/,
  },
  {
    name: 'whose list is behind',
    quirk: {
      onReply: (_, url, reply) => {
        if (url.searchParams.has('list-type')) {
          reply.body = Buffer.from(reply.body.toString().replace(/<Contents>.*<\/Contents>/s, ''));
        }
      },
    },
    message: /a list does not show what is stored/,
  },
];

describe('warned of is an engine', () => {
  test.each(LISTS)('$name', async ({ quirk, message }) => {
    const env = await open(quirk);
    store.putObject('b', 'another', 'x');
    const { findings: found } = await findings(env);
    expect(found.lists).toMatchObject({ severity: 'warning', message: expect.stringMatching(message) });
  });
});

const WITHOUT_VERSIONS: readonly { readonly name: string; readonly quirk: Quirk }[] = [
  ...[404, 405, 501].map((status) => ({
    name: `answers ${status}`,
    quirk: {
      onRequest: (_: string, url: URL) =>
        url.searchParams.has('versions') ? { status, code: 'MethodNotAllowed' } : undefined,
    },
  })),
  {
    name: 'answers with a plain list',
    quirk: {
      onRequest: (_: string, url: URL) => {
        if (url.searchParams.has('versions')) url.searchParams.delete('versions');
        return undefined;
      },
    },
  },
];

describe('safe, and left without a trace, is an engine that to ?versions', () => {
  test.each(WITHOUT_VERSIONS)('$name', async ({ quirk }) => {
    const { code, findings: found } = await findings(await open(quirk));
    expect(found['conditional-writes']?.severity).toBe('ok');
    expect({ code, keys: store.keys('b') }).toEqual({ code: 0, keys: [] });
  });
});

test('an engine that deletes no batches is emptied one by one', async () => {
  const env = await open({
    onRequest: (_, url) => (url.searchParams.has('delete') ? { status: 501, code: 'NotImplemented' } : undefined),
  });
  expect((await findings(env)).code).toBe(0);
  expect(store.keys('b')).toEqual([]);
});

test('an engine that says it deleted, and did not, is found out', async () => {
  const env = await open({
    onRequest: (_, url) => (url.searchParams.has('delete') ? { status: 200, body: '<DeleteResult/>' } : undefined),
  });
  const { findings: found } = await findings(env);
  expect(found['test-data']).toMatchObject({
    severity: 'warning',
    message: expect.stringMatching(/it is still there after it was deleted/),
  });
});
