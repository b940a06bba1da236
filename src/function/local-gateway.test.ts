import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { systemRandom } from '../core/random.ts';
import { type LocalGateway, startLocalGateway } from './local-gateway.ts';
import type { FunctionReply } from './remote-function.ts';

let gateway: LocalGateway;

async function front(invoke: (payload: string) => Promise<FunctionReply>): Promise<string> {
  gateway = await startLocalGateway({ invoke, clock: systemClock, random: systemRandom });
  return gateway.url;
}

afterEach(() => gateway.close());

describe('what a function gets', () => {
  test.each([
    { path: '/', init: {}, event: { routeKey: 'ANY /', rawPath: '/', rawQueryString: '', isBase64Encoded: false } },
    {
      path: '/a/b%20c?x=1&y=%26',
      init: { method: 'DELETE' },
      event: {
        routeKey: 'ANY /{proxy+}',
        rawPath: '/a/b%20c',
        rawQueryString: 'x=1&y=%26',
        queryStringParameters: { x: '1', y: '&' },
      },
    },
    {
      path: '/notes',
      init: { method: 'POST', body: '{"operation":"cleanup"}' },
      event: { body: Buffer.from('{"operation":"cleanup"}').toString('base64'), isBase64Encoded: true },
    },
  ])('of $init to $path is an event of payload format 2.0', async ({ path, init, event }) => {
    let seen: unknown;
    const url = await front(async (payload) => {
      seen = JSON.parse(payload);
      return { payload: '{}' };
    });
    expect((await fetch(`${url}${path}`, init)).status).toBe(200);
    const { method = 'GET' } = init as { method?: string };
    expect(seen).toMatchObject({ version: '2.0', requestContext: { stage: '$default', http: { method } }, ...event });
  });
});

describe('what a caller gets', () => {
  const failing = (kind: 'unavailable' | 'unknown') => async (): Promise<FunctionReply> => {
    throw new JavumboError(kind, 'no');
  };
  const returning = (payload: string) => async (): Promise<FunctionReply> => ({ payload });
  const faulty = (kind: 'threw' | 'timed-out' | 'crashed') => async (): Promise<FunctionReply> => {
    return { payload: '', fault: { kind, message: 'a secret of the function' } };
  };

  test.each([
    { name: 'an HTTP answer', invoke: returning('{"statusCode":201,"body":"made"}'), status: 201, body: 'made' },
    {
      name: 'bytes',
      invoke: returning('{"statusCode":200,"body":"aGk=","isBase64Encoded":true}'),
      status: 200,
      body: 'hi',
    },
    { name: 'a document', invoke: returning('{"a":1}'), status: 200, body: '{"a":1}' },
    { name: 'nothing', invoke: returning('null'), status: 200, body: 'null' },
    { name: 'no JSON', invoke: returning('<html>'), status: 500, body: '{"message":"Internal Server Error"}' },
    {
      name: 'a status that is none',
      invoke: returning('{"statusCode":"200"}'),
      status: 500,
      body: '{"message":"Internal Server Error"}',
    },
    { name: 'an exception', invoke: faulty('threw'), status: 500, body: '{"message":"Internal Server Error"}' },
    { name: 'a crash', invoke: faulty('crashed'), status: 500, body: '{"message":"Internal Server Error"}' },
    { name: 'its time limit', invoke: faulty('timed-out'), status: 503, body: '{"message":"Service Unavailable"}' },
    { name: 'a throttle', invoke: failing('unavailable'), status: 503, body: '{"message":"Service Unavailable"}' },
    { name: 'a lost reply', invoke: failing('unknown'), status: 500, body: '{"message":"Internal Server Error"}' },
  ])('of $name is $status', async ({ invoke, status, body }) => {
    const response = await fetch(await front(invoke));
    expect({ status: response.status, body: await response.text() }).toEqual({ status, body });
  });

  test('who sends more than API Gateway takes is refused', async () => {
    const url = await front(returning('{}'));
    const response = await fetch(url, { method: 'POST', body: Buffer.alloc(10_000_001) }).catch(() => undefined);
    // The reply may meet a caller that is still sending.
    expect(response === undefined || response.status === 413).toBe(true);
  });
});
