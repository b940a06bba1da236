import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { resolveProxies } from '../config/proxy.ts';
import { systemClock } from '../core/clock.ts';
import { seededRandom } from '../core/random.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { HTTP_FAULTS, type HttpFault } from './http-faults.ts';

let upstream: Server;
let arrived: string[];
let proxy: FaultProxy;

beforeEach(async () => {
  arrived = [];
  upstream = createServer((incoming, outgoing) => {
    arrived.push(`${incoming.method} ${incoming.url}`);
    incoming.resume();
    incoming.on('end', () => outgoing.end('0123456789'));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  await proxy.close();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
});

async function start(...faults: HttpFault[]): Promise<void> {
  const proxies = resolveProxies({});
  proxy = await startFaultProxy({ proxies, faults, random: seededRandom(3), clock: systemClock });
}

/** What the client gets: a status and a body, or how its connection ended. */
function send(method: string, path: string, headers: Record<string, string> = {}): Promise<string> {
  return new Promise((resolve) => {
    const { port } = upstream.address() as AddressInfo;
    const whole = `http://127.0.0.1:${port}${path}`;
    const options = { path: whole, method, headers, agent: false, timeout: 500 } as const;
    const sent = request(proxy.endpoint, options, (reply) => {
      let body = '';
      reply.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      reply.on('end', () => resolve(`${reply.statusCode} ${body}`));
      reply.on('error', () => resolve(`cut after ${body}`));
    });
    sent.on('timeout', () => sent.destroy());
    sent.on('error', () => resolve('no reply'));
    sent.end();
  });
}

/** Sends requests until the fault has landed that often. */
async function untilLanded(fault: HttpFault, times: number, ...sent: Parameters<typeof send>): Promise<string[]> {
  const replies: string[] = [];
  while ((proxy.counts()[fault]?.landed ?? 0) < times) {
    replies.push(await send(...sent));
    // What is late lands without its sender.
    if (replies.length % 20 === 0) await systemClock.sleep(20);
  }
  return replies;
}

const SOUND = '200 0123456789';

describe('the proxy', () => {
  test.each<[fault: HttpFault, method: string, reply: RegExp]>([
    ['lost-request', 'PUT', /^no reply$/],
    ['lost-reply', 'PUT', /^no reply$/],
    ['late-request', 'PUT', /^no reply$/],
    ['throttled-repeat', 'PUT', /^503 .*SlowDown/s],
    ['cut-body', 'GET', /^cut after 01234$/],
    ['error-500', 'GET', /^500 .*InternalError/s],
    ['error-503', 'GET', /^503 .*ServiceUnavailable/s],
    ['slow-down', 'PUT', /^503 .*SlowDown/s],
    ['contended', 'PUT', /^409 .*ConditionalRequestConflict/s],
  ])('makes %s of a %s', async (fault, method, reply) => {
    await start(fault);
    const replies = await untilLanded(fault, 2, method, '/bucket/key');
    const odd = replies.filter((each) => each !== SOUND);
    expect(odd.length).toBeGreaterThanOrEqual(2);
    expect(odd.filter((each) => !reply.test(each))).toEqual([]);
  });

  test('sends a repeated request twice, and the client gets one reply', async () => {
    await start('repeated-request');
    const replies = await untilLanded('repeated-request', 1, 'PUT', '/bucket/key');
    expect(new Set(replies)).toEqual(new Set([SOUND]));
    expect(arrived).toHaveLength(replies.length + 1);
  });

  test('makes no copies of a create', async () => {
    await start('late-request', 'repeated-request', 'throttled-repeat');
    const replies = [];
    for (let sent = 0; sent < 50; sent++) replies.push(await send('PUT', '/bucket/key', { 'if-none-match': '*' }));
    expect(new Set(replies)).toEqual(new Set([SOUND]));
    expect(arrived).toHaveLength(50);
  });

  test('has delivered what is late once it is settled, and makes no more faults', async () => {
    await start('late-request');
    let sent = 0;
    while ((proxy.counts()['late-request']?.fired ?? 0) === 0) {
      await send('PUT', '/bucket/key');
      sent++;
    }
    await proxy.settle();
    expect(arrived).toHaveLength(sent);
    for (let again = 0; again < 20; again++) expect(await send('PUT', '/bucket/key')).toBe(SOUND);
  });

  test('passes everything unchanged where no fault is asked for', async () => {
    await start();
    for (let sent = 0; sent < 20; sent++) expect(await send('GET', '/bucket/key?a=b')).toBe(SOUND);
    expect(arrived).toEqual(new Array(20).fill('GET /bucket/key?a=b'));
    expect(HTTP_FAULTS).toHaveLength(11);
  });
});
