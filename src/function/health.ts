import { getThroughProxy } from '../aws/proxy.ts';
import { type Proxies, proxyFor } from '../config/proxy.ts';
import { JavumboError, messageOf } from '../core/failure.ts';

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

// API Gateway itself waits 30 s for the function.
const TIMEOUT_MS = 35_000;
// More than any health answer; the rest is ignored.
const BODY_MAX = 1_000_000;

/**
 * Requests an HTTP API's root without credentials, through the proxy that is configured. Throws `unavailable` if there is no
 * answer.
 */
export async function askApi(
  url: string,
  proxies: Proxies,
  interruption?: AbortSignal | undefined,
): Promise<ApiAnswer> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = interruption === undefined ? timeout : AbortSignal.any([interruption, timeout]);
  const { protocol, hostname, port } = new URL(url);
  try {
    if (proxyFor(proxies, protocol, hostname, port === '' ? undefined : Number(port)) === undefined) {
      const response = await fetch(url, { signal });
      return { status: response.status, body: await beginningOf(response.body ?? []) };
    }
    const response = await getThroughProxy(url, proxies, signal, TIMEOUT_MS);
    return { status: response.statusCode ?? 0, body: await beginningOf(response) };
  } catch (error) {
    interruption?.throwIfAborted();
    const cause = (error as { cause?: unknown }).cause;
    throw new JavumboError('unavailable', `the API at ${url} does not answer: ${messageOf(cause ?? error)}`, {
      try: 'is the address right? --api-url, or terraform output api_gateway_url',
      cause: error,
    });
  }
}

/** Returns as much of a body as is looked at; it may have no end. */
async function beginningOf(body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= BODY_MAX) break;
  }
  return Buffer.concat(chunks).subarray(0, BODY_MAX).toString();
}

/** Returns the version in an API's health answer; undefined for any other answer. */
export function healthyVersion({ status, body }: ApiAnswer): string | undefined {
  try {
    const health = JSON.parse(body) as { service?: unknown; status?: unknown; version?: unknown } | null;
    if (status !== 200 || health?.service !== 'javumbo' || health.status !== 'ok') return undefined;
    return typeof health.version === 'string' ? health.version : undefined;
  } catch {
    return undefined;
  }
}
