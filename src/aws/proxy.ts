import { type ClientRequestArgs, request as httpRequest, type IncomingMessage } from 'node:http';
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

/** Makes a client send its requests without TLS to the proxies that are configured. Their signature stays valid. */
export function throughProxies<C extends Client>(client: C, proxies: Proxies): C {
  const redirect = (next: (args: object) => Promise<object>) => (args: object) => {
    const { request } = args as { request: HttpRequest };
    const { protocol, hostname, port } = request;
    const proxy = protocol === 'http:' ? proxyFor(proxies, protocol, hostname, port) : undefined;
    if (proxy === undefined) return next(args);
    const origin = `http://${hostname}${port === undefined ? '' : `:${port}`}`;
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
  const { protocol, hostname, port } = new URL(address);
  const proxy = proxyFor(proxies, protocol, hostname, port === '' ? undefined : Number(port));
  return new Promise((answered, failed) => {
    const request =
      protocol === 'https:' || proxy === undefined
        ? httpsRequest(address, { agent: new TunnelAgent(proxies, {}, timeoutMs), signal })
        : (proxy.protocol === 'https:' ? httpsRequest : httpRequest)({
            host: hostOf(proxy),
            port: portOf(proxy),
            path: new URL(address).href,
            headers: { host: new URL(address).host, ...authorization(proxy) },
            signal,
          });
    request.once('response', answered).once('error', failed).end();
  });
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
