import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  isItemWrite,
  isPutOrDelete,
  type RepeatCounts,
  type RepeatingProxy,
  type RepeatRule,
  SLOW_DOWN,
  startRepeatingProxy,
  THROTTLED,
} from './repeating-proxy.ts';

/** What the upstream saw of one request. */
interface Seen {
  readonly line: string;
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

let upstream: Server;
let connections: number;
let seen: Seen[];
let proxy: RepeatingProxy;

beforeEach(async () => {
  seen = [];
  connections = 0;
  // It takes the first write of a path and refuses the others, as a condition would.
  upstream = createServer((request, reply) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const line = `${request.method} ${request.url}`;
      const before = seen.filter((each) => each.line === line).length;
      seen.push({ line, rawHeaders: request.rawHeaders, body: Buffer.concat(chunks).toString('latin1') });
      reply.writeHead(before === 0 || request.method === 'GET' ? 200 : 412, ['X-Copy', String(before + 1)]);
      reply.end(request.method === 'HEAD' ? '' : `copy ${before + 1}`);
    });
  });
  upstream.on('connection', () => connections++);
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  proxy = await startRepeatingProxy(`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`);
});

afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => upstream.close(resolve));
});

async function send(method: string, path: string, init: RequestInit = {}): Promise<{ status: number; text: string }> {
  const reply = await fetch(`${proxy.endpoint}${path}`, { method, ...init });
  return { status: reply.status, text: await reply.text() };
}

const put = (path: string) => send('PUT', path, { body: 'x' });

const lines = (): string[] => seen.map(({ line }) => line);

describe('without a rule', () => {
  test('every request arrives once', async () => {
    expect([await put('/a'), await send('GET', '/a'), await send('DELETE', '/b')].map(({ status }) => status)).toEqual([
      200, 200, 200,
    ]);
    expect(lines()).toEqual(['PUT /a', 'GET /a', 'DELETE /b']);
  });

  test('path, headers and body arrive byte for byte, and the reply comes back so', async () => {
    const { port } = new URL(proxy.endpoint);
    const socket = connect(Number(port), '127.0.0.1');
    const head = [
      'PUT /k/%2Fx%20y?versionId=1&a=%C3%A4 HTTP/1.1',
      'Host: signed.example:1234',
      'x-AMZ-Meta-Odd:  Value ',
      'Connection: keep-alive',
      'Content-Length: 4',
      '',
      '',
    ].join('\r\n');
    socket.write(Buffer.concat([Buffer.from(head), Buffer.from([0, 255, 13, 10])]));
    const reply = await new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    socket.destroy();
    expect(seen).toEqual([
      {
        line: 'PUT /k/%2Fx%20y?versionId=1&a=%C3%A4',
        rawHeaders: [
          ...['Host', 'signed.example:1234', 'x-AMZ-Meta-Odd', 'Value'],
          ...['Connection', 'keep-alive', 'Content-Length', '4'],
        ],
        body: '\u0000\u00ff\r\n',
      },
    ]);
    expect(reply).toMatch(/^HTTP\/1\.1 200 OK\r\nX-Copy: 1\r\n/);
  });

  test('a HEAD has no body', async () => {
    expect(await send('HEAD', '/a')).toEqual({ status: 200, text: '' });
  });

  test('connections stay open on both sides', async () => {
    for (const path of ['/a', '/b', '/c']) await put(path);
    expect(connections).toBe(1);
  });
});

describe('a rule', () => {
  const cases: {
    readonly name: string;
    readonly rule: RepeatRule;
    readonly requests: readonly (readonly [method: string, path: string])[];
    readonly statuses: readonly number[];
    readonly arrived: readonly string[];
    readonly counts: RepeatCounts;
  }[] = [
    {
      name: 'repeats every second PUT, one copy after the other, and the client gets the second reply',
      rule: { every: 2 },
      requests: [
        ['PUT', '/a'],
        ['GET', '/a'],
        ['PUT', '/b'],
        ['PUT', '/c'],
        ['PUT', '/d'],
      ],
      statuses: [200, 200, 412, 200, 412],
      arrived: ['PUT /a', 'GET /a', 'PUT /b', 'PUT /b', 'PUT /c', 'PUT /d', 'PUT /d'],
      counts: { seen: 4, repeated: 2, landed: 2, accepted: 4 },
    },
    {
      name: 'counts what it repeats in vain: a first copy that was refused did not land',
      rule: { every: 1 },
      requests: [
        ['PUT', '/a'],
        ['PUT', '/a'],
      ],
      statuses: [412, 412],
      arrived: ['PUT /a', 'PUT /a', 'PUT /a', 'PUT /a'],
      counts: { seen: 2, repeated: 2, landed: 1, accepted: 1 },
    },
    {
      name: 'ends after as many as it was told',
      rule: { every: 1, times: 1 },
      requests: [
        ['PUT', '/a'],
        ['PUT', '/b'],
      ],
      statuses: [412, 200],
      arrived: ['PUT /a', 'PUT /a', 'PUT /b'],
      counts: { seen: 2, repeated: 1, landed: 1, accepted: 2 },
    },
    {
      name: 'throttles the repeat: one copy arrives, and the client is told to slow down',
      rule: { every: 1, times: 1, answerSecond: SLOW_DOWN },
      requests: [
        ['PUT', '/a'],
        ['PUT', '/b'],
      ],
      statuses: [503, 200],
      arrived: ['PUT /a', 'PUT /b'],
      counts: { seen: 2, repeated: 1, landed: 1, accepted: 2 },
    },
    {
      name: 'repeats PUT and DELETE where both may delete',
      rule: { every: 1, matches: isPutOrDelete },
      requests: [
        ['DELETE', '/a'],
        ['PUT', '/b'],
        ['POST', '/c'],
      ],
      statuses: [412, 412, 200],
      arrived: ['DELETE /a', 'DELETE /a', 'PUT /b', 'PUT /b', 'POST /c'],
      counts: { seen: 2, repeated: 2, landed: 2, accepted: 2 },
    },
  ];

  test.each(cases)('$name', async ({ rule, requests, statuses, arrived, counts }) => {
    const counted = proxy.repeat(rule);
    const replies = [];
    for (const [method, path] of requests) replies.push((await send(method, path)).status);
    expect({ statuses: replies, arrived: lines(), counts: counted }).toEqual({ statuses, arrived, counts });
  });

  test.each(['PutItem', 'UpdateItem', 'DeleteItem'])('repeats DynamoDB’s %s', async (operation) => {
    const counted = proxy.repeat({ every: 1, matches: isItemWrite });
    const headers = { 'x-amz-target': `DynamoDB_20120810.${operation}` };
    expect(await send('POST', '/', { headers, body: '{}' })).toEqual({ status: 412, text: 'copy 2' });
    expect(counted).toEqual({ seen: 1, repeated: 1, landed: 1, accepted: 1 });
  });

  test('leaves what DynamoDB reads alone', async () => {
    const counted = proxy.repeat({ every: 1, matches: isItemWrite });
    for (const operation of ['GetItem', 'Scan', 'CreateTable']) {
      await send('POST', `/${operation}`, { headers: { 'x-amz-target': `DynamoDB_20120810.${operation}` } });
    }
    expect({ counted, arrived: seen.length }).toEqual({
      counted: { seen: 0, repeated: 0, landed: 0, accepted: 0 },
      arrived: 3,
    });
  });

  test('answers in the words of the store', async () => {
    proxy.repeat({ every: 1, answerSecond: SLOW_DOWN });
    expect((await put('/a')).text).toContain('<Code>SlowDown</Code>');
    proxy.repeat({ every: 1, answerSecond: THROTTLED });
    expect(JSON.parse((await put('/b')).text)).toMatchObject({
      __type: expect.stringMatching(/#ThrottlingException$/),
    });
  });

  test('counts what an upstream that knows no conditions does twice', async () => {
    const counted = proxy.repeat({ every: 1, matches: ({ method }) => method === 'GET' });
    await send('GET', '/a');
    expect(counted).toEqual({ seen: 1, repeated: 1, landed: 1, accepted: 2 });
  });

  test('is replaced by the next one, which counts anew', async () => {
    const before = proxy.repeat({ every: 1 });
    await put('/a');
    const after = proxy.repeat({ every: 3 });
    for (const path of ['/b', '/c', '/d']) await put(path);
    expect({ before, after }).toEqual({
      before: { seen: 1, repeated: 1, landed: 1, accepted: 1 },
      after: { seen: 3, repeated: 1, landed: 1, accepted: 3 },
    });
  });
});

test('an upstream that hangs up is passed on as one', async () => {
  upstream.removeAllListeners('request');
  upstream.on('request', (request) => request.socket.destroy());
  await expect(put('/a')).rejects.toThrow();
});
