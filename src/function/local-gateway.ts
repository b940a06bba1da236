import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { FunctionReply } from './remote-function.ts';

export interface LocalGatewayOptions {
  /** Calls the function once. */
  readonly invoke: (payload: string) => Promise<FunctionReply>;
  readonly clock: Clock;
  readonly random: Random;
}

export interface LocalGateway {
  /** On loopback, without a path. */
  readonly url: string;
  close(): Promise<void>;
}

const CONNECTIONS_MAX = 100;
// API Gateway's limits.
const REQUEST_MAX_MS = 30_000;
const BODY_MAX = 10_000_000;

/**
 * An HTTP API in front of a function, like API Gateway's: requests of any method and path become events of payload
 * format 2.0, and the function's result is the reply.
 * (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html)
 */
export async function startLocalGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const server = createServer((request, response) => {
    replyTo(request, options)
      .then(({ status, headers, body }) => response.writeHead(status, headers).end(body))
      // The caller disconnected, or the function returned invalid headers.
      .catch(() => response.destroy());
  });
  // Each call may start a process, and whoever sends slowly keeps a connection.
  server.maxConnections = CONNECTIONS_MAX;
  server.requestTimeout = REQUEST_MAX_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

async function replyTo(request: IncomingMessage, options: LocalGatewayOptions): Promise<Reply> {
  const body = await bodyOf(request);
  if (body === undefined) return failed(413, 'Request Entity Too Large');
  try {
    const { fault, payload } = await options.invoke(JSON.stringify(eventOf(request, body, options)));
    if (fault === undefined) return replyOf(payload);
    return fault.kind === 'timed-out' ? UNAVAILABLE : FAILED;
  } catch (error) {
    // Throttled or unreachable.
    return error instanceof JavumboError && error.kind === 'unavailable' ? UNAVAILABLE : FAILED;
  }
}

function eventOf(
  { method = 'GET', url = '/', headers, socket }: IncomingMessage,
  body: Buffer,
  sources: LocalGatewayOptions,
): object {
  const { pathname, search, searchParams } = new URL(url, 'http://gateway');
  const routeKey = pathname === '/' ? 'ANY /' : 'ANY /{proxy+}';
  const now = sources.clock.now();
  return {
    version: '2.0',
    routeKey,
    rawPath: pathname,
    rawQueryString: search.slice(1),
    headers,
    ...(search === '' ? {} : { queryStringParameters: Object.fromEntries(searchParams) }),
    requestContext: {
      accountId: 'anonymous',
      apiId: 'local',
      domainName: headers.host,
      http: {
        method,
        path: pathname,
        protocol: 'HTTP/1.1',
        sourceIp: socket.remoteAddress,
        userAgent: headers['user-agent'] ?? '',
      },
      requestId: sources.random.hex(8),
      routeKey,
      stage: '$default',
      time: new Date(now).toISOString(),
      timeEpoch: now,
    },
    ...(body.length === 0 ? {} : { body: body.toString('base64') }),
    isBase64Encoded: body.length > 0,
  };
}

/** Reads a request's body; undefined if it exceeds API Gateway's limit. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Whoever leaves such a loop closes the connection, and then nobody hears why; so the rest is read and dropped, and
  // what has no end runs into the time limit.
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= BODY_MAX) chunks.push(chunk);
    else chunks.length = 0;
  }
  return length > BODY_MAX ? undefined : Buffer.concat(chunks);
}

/** Turns a function's result into a reply: without `statusCode` the document itself is the body. */
function replyOf(payload: string): Reply {
  let returned: unknown;
  try {
    returned = JSON.parse(payload);
  } catch {
    return FAILED;
  }
  const parts = (returned ?? {}) as Partial<Record<'statusCode' | 'headers' | 'body' | 'isBase64Encoded', unknown>>;
  const { statusCode: status, headers = {}, body = '', isBase64Encoded } = parts;
  if (status === undefined) return document(200, returned);
  if (typeof status !== 'number' || typeof body !== 'string') return FAILED;
  const bytes = isBase64Encoded === true ? Buffer.from(body, 'base64') : body;
  return { status, headers: headers as Reply['headers'], body: bytes };
}

function document(status: number, value: unknown): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

function failed(status: number, message: string): Reply {
  return document(status, { message });
}

const FAILED = failed(500, 'Internal Server Error');
const UNAVAILABLE = failed(503, 'Service Unavailable');
