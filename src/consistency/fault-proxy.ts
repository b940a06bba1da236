/**
 * An HTTP proxy on loopback between the clients of a run and a deployment. It loses, delays, repeats and cuts what passes,
 * as a network and what stands in it can; everything else passes unchanged, so that signatures hold. Its clients ask it in
 * plain text also for what is https, and it encrypts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Forwarder } from '../aws/proxy.ts';
import type { Proxies } from '../config/proxy.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import {
  type Canned,
  cannedReply,
  describeRequest,
  HTTP_FAULTS,
  type HttpFault,
  type RequestKind,
} from './http-faults.ts';
import type { Counts } from './protocol.ts';

export interface FaultProxyOptions {
  /** What stands before the deployment. */
  readonly proxies: Proxies;
  readonly faults: readonly HttpFault[];
  readonly random: Random;
  readonly clock: Clock;
}

export interface FaultProxy {
  readonly endpoint: string;
  counts(): Counts;
  /** Makes no more faults, delivers what is late, and waits for the replies to what was sent. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

// Longer than a client waits.
const CONNECTION_TIMEOUT_MS = 3_000;

/** The share of requests that meet a fault. */
const FAULTY = 0.22;
/** The share of lost requests whose sender waits until its time limit, instead of seeing the connection end. */
const SILENT = 0.05;
const DELAY_MAX_MS = 60;
// Around the wait before the next attempt, so that some arrive before it and some after.
const LATE_MAX_MS = 60;

interface Reply {
  readonly head: IncomingMessage;
  readonly body: Buffer;
}

/** Starts a proxy on 127.0.0.1. The caller closes it. */
export async function startFaultProxy({ proxies, faults, random, clock }: FaultProxyOptions): Promise<FaultProxy> {
  const forwarder = new Forwarder(proxies, { keepAlive: true }, CONNECTION_TIMEOUT_MS);
  const counts = Object.fromEntries(HTTP_FAULTS.map((name) => [name, { fired: 0, landed: 0 }])) as Record<
    HttpFault,
    { fired: number; landed: number }
  >;
  const pending = new Set<Promise<unknown>>();
  let armed = true;

  /** Sends a request upstream. It is waited for at the end, whether or not its sender still is. */
  const send = (incoming: IncomingMessage, body: Buffer): Promise<Reply> => {
    const reply = new Promise<Reply>((resolve, reject) => {
      const { method = 'GET', url = '', rawHeaders } = incoming;
      // Parsed as a URL, a path might change, and with it what is signed.
      const [, origin = '', path = ''] = /^(https?:\/\/[^/]+)(.*)$/.exec(url) ?? [];
      // A flat list keeps the headers' order, case and signed Host.
      const onward = forwarder.request(origin, path, { method, headers: rawHeaders });
      onward.once('response', (head) => {
        buffer(head).then((bytes) => resolve({ head, body: bytes }), reject);
      });
      onward.once('error', reject);
      onward.end(body);
    });
    return kept(reply);
  };
  const kept = <T>(work: Promise<T>): Promise<T> => {
    const settled = work.catch(() => {}).finally(() => pending.delete(settled));
    pending.add(settled);
    return work;
  };

  /** Decides which fault a request meets. What has landed least comes first. */
  function faultFor(kind: RequestKind): HttpFault | undefined {
    if (!armed || random.fraction() >= FAULTY) return undefined;
    const possible = faults.filter((name) => kind.faults.includes(name));
    const weights = possible.map((name) => 1 / (1 + counts[name].landed));
    let place = random.fraction() * weights.reduce((sum, weight) => sum + weight, 0);
    return possible.find((_, index) => {
      place -= weights[index] as number;
      return place < 0;
    });
  }

  async function exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await buffer(incoming);
    const kind = describeRequest(incoming);
    const fault = faultFor(kind);
    if (fault === undefined) return pass(await send(incoming, body), outgoing);
    const count = counts[fault];
    count.fired++;
    const landedIf = (happened: boolean): void => {
      if (happened) count.landed++;
    };
    switch (fault) {
      case 'lost-request':
        landedIf(true);
        // The sender gives up by itself.
        if (random.fraction() >= SILENT) incoming.socket.destroy();
        return;
      case 'lost-reply':
        landedIf(isSuccess(await send(incoming, body)));
        incoming.socket.destroy();
        return;
      case 'late-request':
        incoming.socket.destroy();
        await kept(clock.sleep(random.fraction() * LATE_MAX_MS));
        landedIf(isSuccess(await send(incoming, body)));
        return;
      case 'delay':
        landedIf(true);
        await kept(clock.sleep(random.fraction() * DELAY_MAX_MS));
        return pass(await send(incoming, body), outgoing);
      case 'repeated-request':
        landedIf(isSuccess(await send(incoming, body)));
        return pass(await send(incoming, body), outgoing);
      case 'throttled-repeat':
        landedIf(isSuccess(await send(incoming, body)));
        return answer(cannedReply('slow-down', kind.service), outgoing);
      case 'cut-body': {
        const reply = await send(incoming, body);
        if (!isSuccess(reply) || reply.body.length < 2) return pass(reply, outgoing);
        landedIf(true);
        outgoing.writeHead(reply.head.statusCode ?? 502, reply.head.statusMessage, reply.head.rawHeaders);
        outgoing.write(reply.body.subarray(0, reply.body.length >> 1), () => incoming.socket.destroy());
        return;
      }
      default:
        landedIf(true);
        return answer(cannedReply(fault, kind.service), outgoing);
    }
  }

  // No timeouts: an idle connection that closes just as the client writes to it would be an uncounted fault.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (incoming, outgoing) => {
    // Either side hung up: there is no one to answer.
    kept(exchange(incoming, outgoing)).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts: () => Object.fromEntries(faults.map((name) => [name, { ...counts[name] }])),
    settle: async () => {
      armed = false;
      while (pending.size > 0) await Promise.all(pending);
    },
    close: () => {
      server.closeAllConnections();
      forwarder.close();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function isSuccess({ head: { statusCode = 0 } }: Reply): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function pass({ head, body }: Reply, outgoing: ServerResponse): void {
  outgoing.writeHead(head.statusCode ?? 502, head.statusMessage, head.rawHeaders);
  outgoing.end(body);
}

function answer({ status, contentType, body }: Canned, outgoing: ServerResponse): void {
  outgoing.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  outgoing.end(body);
}
