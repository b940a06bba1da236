import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { type LocalGateway, startLocalGateway } from './local-gateway.ts';
import type { FunctionReply } from './remote-function.ts';

let gateway: LocalGateway;

async function front(invoke: (payload: string) => Promise<FunctionReply>): Promise<string> {
  gateway = await startLocalGateway({ invoke, clock: systemClock, random: systemRandom });
  return gateway.url;
}

afterEach(() => gateway.close());

describe('what the gateway holds at once', () => {
  test('100 connections, of callers that say nothing too; the next one is closed, and has its turn when one has gone', async () => {
    const { hostname, port } = new URL(await front(async () => ({ payload: '{"statusCode":200,"body":"hi"}' })));
    const open = async (): Promise<Socket> => {
      const socket = connect(Number(port), hostname).on('error', () => {});
      await once(socket, 'connect');
      return socket;
    };
    const ask = async (): Promise<string> => {
      const socket = await open();
      socket.write('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
      let answer = '';
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
      });
      await once(socket, 'close');
      return answer;
    };
    const silent: Socket[] = [];
    for (let count = 0; count < 100; count++) silent.push(await open());
    expect(await ask()).toBe('');
    silent[0]?.destroy();
    // The server hears of the end when it does.
    let answer = '';
    while (answer === '') answer = await ask();
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*hi/s);
    for (const socket of silent) socket.destroy();
  });

  test('and no more of a body than API Gateway takes, whatever comes after it', async () => {
    let called = 0;
    const url = await front(async () => {
      called++;
      return { payload: '{}' };
    });
    const chunks = Array.from({ length: 20 }, () => Buffer.alloc(1_000_000));
    const outgoing = request(url, { method: 'POST' });
    const answered = once(outgoing, 'response') as Promise<[IncomingMessage]>;
    // One after the other, as the gateway takes them.
    Readable.from(chunks).pipe(outgoing);
    const [reply] = await answered;
    reply.resume();
    expect({ status: reply.statusCode, called }).toEqual({ status: 413, called: 0 });
  });
});
