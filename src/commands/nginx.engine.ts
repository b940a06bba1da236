/**
 * Behind a real nginx with two upstreams, of which one dies after each commit: a stock configuration then sends the PUT to
 * the other, which refuses it because of the first.
 */
import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { startNginx, stopNginx } from '../testing/engines/nginx.ts';
import { freshMachine, type Json, runCommand } from '../testing/run-command.ts';
import { type S3Server, startS3Server } from '../testing/s3-server/server.ts';

const INSERTS = 50;
const KEYS = { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' };

describe.runIf(inject('nginx'))('nginx before a store of which one node dies after its commit', () => {
  let server: S3Server;
  let dying: DyingNode;
  let endpoint: string;
  const machine = { ...freshMachine(), ...KEYS };

  beforeEach(async () => {
    server = await startS3Server({ buckets: ['b'] });
    dying = await startDyingNode(server.endpoint);
    endpoint = await startNginx([dying.endpoint, server.endpoint]);
  });

  afterEach(async () => {
    await stopNginx();
    await dying.close();
    await server.close();
  });

  const run = (argv: readonly string[], at = endpoint) =>
    runCommand([...argv, '--bucket', 'b', '--endpoint-url', at, '--json', '--quiet'], { env: machine });

  const acknowledged = (): number =>
    server.log.filter(({ operation, status }) => isPut(operation) && status === 200).length;

  test(`${INSERTS} times db exec: all end with 0, and each row is there once`, async () => {
    expect((await run(['db', 'create', 'alice'], server.endpoint)).code).toBe(0);
    expect((await run(['db', 'exec', 'alice', 'CREATE TABLE t (x)'], server.endpoint)).code).toBe(0);
    server.resetCounts();
    const values = Array.from({ length: INSERTS }, (_, index) => index + 1);
    const failed: Json[] = [];
    for (const value of values) {
      const { code, stderr } = await run(['db', 'exec', 'alice', 'INSERT INTO t VALUES (?)', String(value)]);
      if (code !== 0) failed.push({ value, code, stderr });
    }
    const puts = server.counts.operations.PutObject;
    const stored = acknowledged();
    const { rows } = (await run(['db', 'query', 'alice', 'SELECT x FROM t ORDER BY x'], server.endpoint)).json();
    expect({ failed, rows: rows.map(({ x }: Json) => x) }).toEqual({ failed: [], rows: values });
    // nginx did repeat: each that died came back once, and was refused.
    expect(dying.deaths).toBeGreaterThan(INSERTS / 10);
    expect({ stored, refused: puts - stored }).toEqual({ stored: INSERTS, refused: dying.deaths });
  });
});

const isPut = (operation: string): boolean => operation === 'PutObject';

interface DyingNode {
  readonly endpoint: string;
  /** PUTs that it committed without a word. */
  readonly deaths: number;
  close(): Promise<void>;
}

/** Passes requests on; a PUT that was acknowledged gets no reply, but the end of its connection. */
async function startDyingNode(upstream: string): Promise<DyingNode> {
  let deaths = 0;
  const { hostname, port } = new URL(upstream);
  const node: Server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const onward = forward({ hostname, port, method, path, headers }, (reply) => {
      if (method === 'PUT' && reply.statusCode === 200) {
        reply.resume();
        reply.once('end', () => {
          deaths += 1;
          incoming.socket.destroy();
        });
        return;
      }
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(outgoing);
    });
    onward.once('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(node.address() as AddressInfo).port}`,
    get deaths() {
      return deaths;
    },
    close: () => {
      node.closeAllConnections();
      return new Promise((resolve) => node.close(() => resolve()));
    },
  };
}
