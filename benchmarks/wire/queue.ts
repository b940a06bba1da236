/**
 * A server of known capacity: an HTTP proxy on loopback that serves one request after the other, each for a fixed time,
 * before it passes it on. Requests arrive at any rate and leave at most at one in `serviceMs`.
 */
import { createServer, request } from 'node:http';

export interface QueueSettings {
  readonly serviceMs: number;
  /** Stands still once, for `stallMs`, before it serves the request of that number. */
  readonly stallAt?: number | undefined;
  readonly stallMs?: number | undefined;
}

/** Opens a queue before a port of this machine, and returns its own port. It lives as long as the process. */
export async function openQueue(
  targetPort: number,
  { serviceMs, stallAt, stallMs = 0 }: QueueSettings,
): Promise<{ readonly port: number }> {
  let [served, freeAt] = [0, 0];
  const server = createServer((near, reply) => {
    served += 1;
    // Reckoned and not waited for in turn: timers are late, and the capacity must be exact.
    freeAt = Math.max(freeAt, performance.now()) + serviceMs + (served === stallAt ? stallMs : 0);
    setTimeout(() => {
      const { method, url, headers } = near;
      const far = request({ host: '127.0.0.1', port: targetPort, method, path: url, headers }, (answer) => {
        reply.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(reply);
      });
      // The client sees a connection that ends, and says so.
      far.on('error', () => reply.destroy());
      near.pipe(far);
    }, freeAt - performance.now());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the queue is not listening');
  return { port: address.port };
}
