import { BlockList, isIP } from 'node:net';
import { JavumboError } from '../core/failure.ts';
import { fallback, first, given, type Setting } from './setting.ts';

/** Where requests to AWS and its like go through, by the variables that curl and others read. */
export interface Proxies {
  /** For http:// endpoints; undefined for none. */
  readonly httpProxy: Setting<string | undefined>;
  /** For https:// endpoints; undefined for none. */
  readonly httpsProxy: Setting<string | undefined>;
  /** Hosts that are reached without one: names with their subdomains, `host:port`, networks such as `10.0.0.0/8`, or `*`. */
  readonly noProxy: Setting<string | undefined>;
  /** Where a client of `verify consistency` sends every request first: an address on loopback. No setting says it. */
  readonly faultProxy?: Setting<string>;
}

/** Returns the proxies of the environment. Throws `usage` for one that does not speak HTTP. */
export function resolveProxies(env: NodeJS.ProcessEnv): Proxies {
  // Lower case comes first, as in curl. In a CGI program HTTP_PROXY is a header that anybody can send.
  const http = env.REQUEST_METHOD === undefined ? ['http_proxy', 'HTTP_PROXY'] : ['http_proxy'];
  return {
    httpProxy: proxyAddress(named(env, http)),
    httpsProxy: proxyAddress(named(env, ['https_proxy', 'HTTPS_PROXY'])),
    noProxy: named(env, ['no_proxy', 'NO_PROXY']),
  };
}

function named(env: NodeJS.ProcessEnv, names: readonly string[]): Setting<string | undefined> {
  const settings = names.map((name) => given<string | undefined>('environment', name, env[name] || undefined));
  return first(...settings, fallback(undefined));
}

function proxyAddress(proxy: Setting<string | undefined>): Setting<string | undefined> {
  if (proxy.value === undefined) return proxy;
  const value = proxy.value.includes('://') ? proxy.value : `http://${proxy.value}`;
  if (/^https?:\/\/[^/]/.test(value) && URL.canParse(value) && isDecodable(new URL(value))) return { ...proxy, value };
  throw new JavumboError('usage', `${proxy.name} is not the http or https address of a proxy: ${withoutUser(value)}`, {
    try: `an address such as http://proxy.example:3128, or unset ${proxy.name}`,
  });
}

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** Returns the proxy for an address, or undefined. This machine itself is always reached directly. */
export function proxyFor(proxies: Proxies, protocol: string, host: string, port: number | undefined): URL | undefined {
  const { value } = protocol === 'https:' ? proxies.httpsProxy : proxies.httpProxy;
  if (value === undefined || isLoopback(host)) return undefined;
  const own = port ?? (protocol === 'https:' ? 443 : 80);
  const exempt = (proxies.noProxy.value ?? '').split(/[\s,]+/).filter((each) => each !== '');
  const name = host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  return exempt.some((each) => isExempt(each.toLowerCase(), name, own)) ? undefined : new URL(value);
}

function isExempt(pattern: string, host: string, port: number): boolean {
  if (pattern === '*') return true;
  const [, network, bits] = /^\[?([0-9a-f.:]+?)\]?\/(\d+)$/.exec(pattern) ?? [];
  if (network !== undefined) return isInNetwork(host, network, Number(bits));
  if (isIP(host) === 6) return pattern === host || pattern === `[${host}]` || pattern === `[${host}]:${port}`;
  const [, name = pattern, ofPort] = /^([^:]+):(\d+)$/.exec(pattern) ?? [];
  if (ofPort !== undefined && Number(ofPort) !== port) return false;
  const domain = name.replace(/^\*?\./, '');
  return host === domain || host.endsWith(`.${domain}`);
}

/** Names are not resolved for it: their proxy may know others. */
function isInNetwork(host: string, network: string, bits: number): boolean {
  const family = isIP(network) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(network) === 0 || isIP(network) !== isIP(host) || bits > (family === 'ipv6' ? 128 : 32)) return false;
  const addresses = new BlockList();
  addresses.addSubnet(network, bits, family);
  return addresses.check(host, family);
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(host) || host === '::1' || host === '[::1]';
}

/** Returns an address without user and password, to be shown. What cannot be parsed may have any character in them. */
export function withoutUser(address: string): string {
  return address.replace(/^([a-z][a-z0-9+.-]*:\/\/).*@/is, '$1…@');
}
