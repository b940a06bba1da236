import {
  type ClientRequest,
  type ClientRequestArgs,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent, type AgentOptions, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { type Proxies, proxyFor } from '../config/proxy.ts';
import { messageOf } from '../core/failure.ts';
import type { Client } from './unsent.ts';

/** The proxy made no connection to the service, so nothing was sent. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError';
}

type Connected = (error: Error | null, stream?: Duplex) => void;

/** Connects through the proxies that are configured, by a tunnel for TLS. */
export class TunnelAgent extends Agent {
  readonly #proxies: Proxies;
  readonly #timeoutMs: number;

  /** `timeoutMs`: how long a proxy may be silent before it has connected. */
  constructor(proxies: Proxies, options: AgentOptions, timeoutMs: number) {
    super(options);
    this.#proxies = proxies;
    this.#timeoutMs = timeoutMs;
  }

  override createConnection(options: ClientRequestArgs, connected: Connected): Duplex | null | undefined {
    const [host, port] = [options.host ?? '', Number(options.port ?? 443)];
    const proxy = proxyFor(this.#proxies, 'https:', host, port);
    if (proxy === undefined) return super.createConnection(options, connected);
    const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const failed = (why: string): void => connected(new ProxyError(`the proxy ${proxy.origin} ${why}`));
    const tunnel = (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
      host: hostOf(proxy),
      port: portOf(proxy),
      method: 'CONNECT',
      path: place,
      headers: { host: place, ...authorization(proxy) },
      agent: false,
      // Whoever asked gives up, and a request that nobody waits for would keep the process.
      timeout: this.#timeoutMs,
    });
    tunnel.once('connect', ({ statusCode, statusMessage }, socket) => {
      socket.setTimeout(0);
      if (statusCode === 200) {
        connected(
          null,
          connectTls({ ...(options as ConnectionOptions), socket, servername: isIP(host) === 0 ? host : '' }),
        );
        return;
      }
      socket.destroy();
      failed(`answers ${statusCode} ${statusMessage}`);
    });
    tunnel.once('timeout', () => tunnel.destroy(new Error('it is silent')));
    tunnel.once('error', (error) => failed(`cannot be used: ${messageOf(error)}`));
    tunnel.end();
    return undefined;
  }
}

interface HttpRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Makes a client send its requests without TLS to the proxies that are configured, and all of them to a fault proxy. Their
 * signature stays valid.
 */
export function throughProxies<C extends Client>(client: C, proxies: Proxies): C {
  const redirect = (next: (args: object) => Promise<object>) => (args: object) => {
    const { request } = args as { request: HttpRequest };
    const { protocol, hostname, port } = request;
    const { faultProxy } = proxies;
    const configured = protocol === 'http:' ? proxyFor(proxies, protocol, hostname, port) : undefined;
    const proxy = faultProxy === undefined ? configured : new URL(faultProxy.value);
    if (proxy === undefined) return next(args);
    const origin = `${protocol}//${hostname}${port === undefined ? '' : `:${port}`}`;
    const headers = { ...request.headers, ...authorization(proxy) };
    const there = { protocol: proxy.protocol, hostname: hostOf(proxy), port: portOf(proxy) };
    // A copy with the class of the original, which an attempt after this one begins with again.
    const redirected = Object.create(
      Object.getPrototypeOf(request) as object,
      Object.getOwnPropertyDescriptors(request),
    );
    Object.assign(redirected, there, { path: `${origin}${request.path}`, headers });
    return next({ ...args, request: redirected });
  };
  client.middlewareStack.add(redirect as never, { step: 'deserialize', name: 'throughProxies' });
  return client;
}

/** Sends a GET that no client of the SDK makes through the proxy of its address. Redirections are not followed. */
export function getThroughProxy(
  address: string,
  proxies: Proxies,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<IncomingMessage> {
  const { protocol, host, pathname, search } = new URL(address);
  const headers = ['host', host];
  const forwarder = new Forwarder(proxies, {}, timeoutMs);
  return new Promise((answered, failed) => {
    const request = forwarder.request(`${protocol}//${host}`, `${pathname}${search}`, {
      method: 'GET',
      headers,
      signal,
    });
    request.once('response', answered).once('error', failed).end();
  });
}

/** A request as it is passed on: `headers` name, value, name, value. */
export interface Forwarded {
  readonly method: string;
  readonly headers: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Passes requests on, through the proxy that is configured for their origin. Nothing of a request changes but what that
 * proxy asks for, so its signature stays valid.
 */
export class Forwarder {
  readonly #proxies: Proxies;
  readonly #plain: HttpAgent;
  readonly #secure: Agent;
  readonly #tunnels: TunnelAgent;

  /** `timeoutMs`: how long a proxy may be silent before it has connected. */
  constructor(proxies: Proxies, connections: AgentOptions, timeoutMs: number) {
    this.#proxies = proxies;
    this.#plain = new HttpAgent(connections);
    this.#secure = new Agent(connections);
    this.#tunnels = new TunnelAgent(proxies, connections, timeoutMs);
  }

  /** Begins a request to `path` at an origin such as `https://example.com`. The caller ends it. */
  request(origin: string, path: string, { method, headers, signal }: Forwarded): ClientRequest {
    const place = new URL(origin);
    const { protocol, hostname, port } = place;
    const own = port === '' ? undefined : Number(port);
    const proxy = protocol === 'https:' ? undefined : proxyFor(this.#proxies, protocol, hostname, own);
    const there = proxy ?? place;
    const isPlain = there.protocol === 'http:';
    const secure = proxy === undefined ? this.#tunnels : this.#secure;
    return (isPlain ? httpRequest : httpsRequest)({
      host: hostOf(there),
      port: portOf(there),
      path: proxy === undefined ? path : `${origin}${path}`,
      method,
      agent: isPlain ? this.#plain : secure,
      headers: [...headers, ...(proxy === undefined ? [] : Object.entries(authorization(proxy)).flat())] as never,
      ...(signal && { signal }),
    });
  }

  /** Closes connections that are kept. */
  close(): void {
    for (const agent of [this.#plain, this.#secure, this.#tunnels]) agent.destroy();
  }
}

function hostOf(proxy: URL): string {
  return proxy.hostname.replace(/^\[(.*)\]$/, '$1');
}

function portOf(proxy: URL): number {
  return Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80));
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(plain).toString('base64')}` };
}
