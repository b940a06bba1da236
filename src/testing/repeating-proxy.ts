/**
 * An HTTP proxy on loopback that repeats requests, as what stands between a client and a store may do: nginx sends a PUT
 * to its next upstream when the reply of the first is lost. Everything else it passes on as it came, so that signatures
 * hold. It decides by counting, never by chance.
 */
import {
  Agent,
  createServer,
  request as forward,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a rule decides by. */
export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Which requests are sent upstream twice, one after the other; the client gets the second reply. */
export interface RepeatRule {
  /** Default: every PUT. */
  readonly matches?: (request: ProxiedRequest) => boolean;
  /** 10: the tenth of those that match, and every tenth after it. */
  readonly every: number;
  /** At most so many in all. Default: no bound. */
  readonly times?: number;
  /** The client gets this instead, and no second copy is sent: the store turned it away before it looked. */
  readonly answerSecond?: CannedReply;
}

export interface CannedReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What became of a rule so far. It counts on. */
export interface RepeatCounts {
  /** Requests that matched. */
  readonly seen: number;
  readonly repeated: number;
  /** Of those repeated, the ones whose first copy was answered 2xx: without them the rule proved nothing. */
  readonly landed: number;
  /** How often the upstream answered 2xx to those that matched, each copy for itself: how many effects they had. */
  readonly accepted: number;
}

const NOTHING = { seen: 0, repeated: 0, landed: 0, accepted: 0 };

export interface RepeatingProxy {
  readonly endpoint: string;
  /** From now on, and instead of the rule before. */
  repeat(rule: RepeatRule): RepeatCounts;
  /** Ends connections and stops listening. */
  close(): Promise<void>;
}

/** How S3 throttles. */
export const SLOW_DOWN: CannedReply = {
  status: 503,
  contentType: 'application/xml',
  body: '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
};

/** How DynamoDB throttles. */
export const THROTTLED: CannedReply = {
  status: 400,
  contentType: 'application/x-amz-json-1.0',
  body: '{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"Rate of requests exceeds the allowed throughput."}',
};

/** A PUT or a DELETE: whatever an engine deletes with. */
export function isPutOrDelete({ method }: ProxiedRequest): boolean {
  return method === 'PUT' || method === 'DELETE';
}

/** A write to a DynamoDB table. */
export function isItemWrite({ method, headers }: ProxiedRequest): boolean {
  return method === 'POST' && /\.(PutItem|UpdateItem|DeleteItem)$/.test(String(headers['x-amz-target']));
}

/** Starts a proxy on 127.0.0.1 before `upstream`. It repeats nothing until it is told to. The caller closes it. */
export async function startRepeatingProxy(upstream: string): Promise<RepeatingProxy> {
  const { hostname, port } = new URL(upstream);
  const agent = new Agent({ keepAlive: true });
  let rule: RepeatRule | undefined;
  let counts = { ...NOTHING };

  /** Counts a request that matches, and decides at once whether it is the tenth: undefined where no rule is for it. */
  function judge(request: ProxiedRequest) {
    if (rule === undefined) return undefined;
    const { matches = isPut, every, times = Number.POSITIVE_INFINITY, answerSecond } = rule;
    if (!matches(request)) return undefined;
    counts.seen += 1;
    const twice = counts.seen % every === 0 && counts.repeated < times;
    if (twice) counts.repeated += 1;
    return { twice, answerSecond, counts };
  }

  const send = (incoming: IncomingMessage, body: Buffer): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const { method = 'GET', url: path = '/', rawHeaders } = incoming;
      // As a flat list, headers keep their order, their case and the Host that was signed.
      const onward = forward({ hostname, port, agent, method, path, headers: rawHeaders as never }, (reply) => {
        read(reply).then((bytes) => resolve({ head: reply, body: bytes }), reject);
      });
      onward.once('error', reject);
      onward.end(body);
    });

  async function exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await read(incoming);
    const { method = 'GET', url: path = '/', headers } = incoming;
    const judged = judge({ method, path, headers });
    const first = await send(incoming, body);
    if (judged === undefined) return pass(first, outgoing);
    if (isSuccess(first)) judged.counts.accepted += 1;
    if (!judged.twice) return pass(first, outgoing);
    if (isSuccess(first)) judged.counts.landed += 1;
    const { answerSecond } = judged;
    if (answerSecond === undefined) {
      const second = await send(incoming, body);
      if (isSuccess(second)) judged.counts.accepted += 1;
      return pass(second, outgoing);
    }
    outgoing.writeHead(answerSecond.status, {
      'content-type': answerSecond.contentType,
      'content-length': Buffer.byteLength(answerSecond.body),
    });
    outgoing.end(answerSecond.body);
  }

  // No timeout of its own: an idle connection that closes just as the client writes to it would be a fault nobody asked for.
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 }, (incoming, outgoing) => {
    // Where either side hung up there is nobody left to answer.
    exchange(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    repeat: (next) => {
      rule = next;
      counts = { ...NOTHING };
      return counts;
    },
    close: () => {
      server.closeAllConnections();
      agent.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

interface Reply {
  readonly head: IncomingMessage;
  readonly body: Buffer;
}

function isSuccess({ head: { statusCode = 0 } }: Reply): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function isPut({ method }: ProxiedRequest): boolean {
  return method === 'PUT';
}

async function read(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function pass({ head, body }: Reply, outgoing: ServerResponse): void {
  outgoing.writeHead(head.statusCode ?? 502, head.statusMessage, head.rawHeaders);
  outgoing.end(body);
}
