import { createHash, randomBytes } from 'node:crypto';
import { Agent, get, type IncomingMessage } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { startS3Server } from '../../src/testing/s3-server/server.ts';
import { type Link, openLink } from './link.ts';

const closing: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
});

/** Starts a server that handles each connection. */
async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer({ allowHalfOpen: true }, onConnection);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(server);
  return (server.address() as { port: number }).port;
}

async function linkTo(port: number, rttMs = 2): Promise<Link> {
  const link = await openLink(port, { rttMs, megabitsPerSecond: 10_000 });
  // Closed before the server, which waits for its connections.
  closing.unshift(link);
  return link;
}

function dial(link: Link): Socket {
  return connect({ port: link.port, host: '127.0.0.1', allowHalfOpen: true });
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

test('20 MB there and back keep every byte and their order, also to a slow reader', async () => {
  const link = await linkTo(await listen((socket) => void socket.pipe(socket)));
  const sent = randomBytes(20_000_000);
  const client = dial(link);
  client.end(sent);
  const received: Buffer[] = [];
  for await (const chunk of client) {
    received.push(chunk as Buffer);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(sha256(Buffer.concat(received))).toBe(sha256(sent));
});

test('connections that share a link do not mix', async () => {
  const link = await linkTo(await listen((socket) => void socket.pipe(socket)));
  const texts = Array.from({ length: 20 }, (_, index) => String(index).repeat(10_000));
  const echoes = await Promise.all(
    texts.map(async (text) => {
      const client = dial(link);
      client.end(text);
      return (await buffer(client)).toString();
    }),
  );
  expect(echoes).toEqual(texts);
});

test('a reply that ends the connection arrives whole', async () => {
  const reply = randomBytes(3_000_000);
  const link = await linkTo(await listen((socket) => void socket.resume().end(reply)));
  expect(sha256(await buffer(dial(link)))).toBe(sha256(reply));
});

test('a client that is gone is gone for the server too', async () => {
  let heard = (_: unknown): void => {};
  const first = new Promise((resolve) => {
    heard = resolve;
  });
  let ended = (_?: unknown): void => {};
  const gone = new Promise((resolve) => {
    ended = resolve;
  });
  const link = await linkTo(await listen((socket) => void socket.on('data', heard).on('end', ended)));
  const client = dial(link);
  client.write('half of a request');
  await first;
  client.resetAndDestroy();
  await gone;
});

test('HTTP keeps its connection: three requests, one connection at the server', async () => {
  const server = await startS3Server({ buckets: ['b'] });
  closing.push(server);
  const link = await linkTo(server.port);
  const agent = new Agent({ keepAlive: true });
  for (let index = 0; index < 3; index++) {
    const reply = await new Promise<IncomingMessage>((resolve, reject) =>
      get({ port: link.port, host: '127.0.0.1', path: '/b?list-type=2', agent }, resolve).on('error', reject),
    );
    expect((await buffer(reply)).toString()).toContain('<Name>b</Name>');
  }
  agent.destroy();
  expect(server.counts).toMatchObject({ requests: 3, connections: 1 });
});
