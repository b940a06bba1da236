/**
 * A TCP link with a round-trip time and a bandwidth: a loopback proxy that passes each byte on when it would have
 * arrived. Connections stay open as long as both sides want.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Lane, type LinkSettings } from './lane.ts';

export interface Link {
  /** On 127.0.0.1. */
  readonly port: number;
  close(): Promise<void>;
}

// More than is ever under way on the fastest link here (1 Gbit/s for 10 ms is 1.25 MB), so it does not limit the link,
// but small enough for the memory.
const UNDERWAY_MAX_BYTES = 8 * 1024 * 1024;

/** Opens a link to a port. The caller closes it. */
export async function openLink(targetPort: number, settings: LinkSettings, host = '127.0.0.1'): Promise<Link> {
  const up = new Direction(settings);
  const down = new Direction(settings);
  const opening = new Schedule();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host, allowHalfOpen: true, noDelay: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      // `close` follows and handles it.
      socket.on('error', () => {});
    }
    near.on('close', () => up.inOrder(() => far.destroySoon()));
    far.on('close', () => down.inOrder(() => near.destroySoon()));
    down.carry(far, near);
    // SYN and SYN-ACK cross before a client may send: loopback accepted it at once, so it is held here.
    opening.add(performance.now() + settings.rttMs, () => {
      up.carry(near, far);
      near.resume();
    });
  });
  await listening(server);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the link is not listening');
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
}

class Direction {
  readonly #lane: Lane;
  readonly #schedule = new Schedule();

  constructor(settings: LinkSettings) {
    this.#lane = new Lane(settings);
  }

  /** Passes on what `from` sends to `to`, in order, and then its end. */
  carry(from: Socket, to: Socket): void {
    let underway = 0;
    let draining = false;
    const resume = (): void => {
      if (!draining && underway < UNDERWAY_MAX_BYTES && !from.destroyed) from.resume();
    };
    from.on('data', (chunk: Buffer) => {
      underway += chunk.length;
      if (underway >= UNDERWAY_MAX_BYTES) from.pause();
      this.#schedule.add(this.#lane.arrival(chunk.length, performance.now()), () => {
        underway -= chunk.length;
        if (to.destroyed) return;
        if (!to.write(chunk) && !draining) {
          // A slow reader slows the sender, as on any connection.
          draining = true;
          from.pause();
          to.once('drain', () => {
            draining = false;
            resume();
          });
        }
        resume();
      });
    });
    from.on('end', () => this.inOrder(() => to.end()));
  }

  /** Runs `run` once everything sent before has arrived. */
  inOrder(run: () => void): void {
    this.#schedule.add(this.#lane.arrival(0, performance.now()), run);
  }
}

/** Runs callbacks at their times, which never go backwards. A timer alone would be up to a millisecond late. */
class Schedule {
  readonly #due: { readonly at: number; readonly run: () => void }[] = [];
  #waiting = false;

  add(at: number, run: () => void): void {
    this.#due.push({ at, run });
    if (!this.#waiting) this.#proceed();
  }

  #proceed(): void {
    for (let next = this.#due[0]; next !== undefined; next = this.#due[0]) {
      const leftMs = next.at - performance.now();
      if (leftMs > 0) {
        this.#waiting = true;
        if (leftMs > TIMER_ERROR_MS) setTimeout(() => this.#proceed(), leftMs - TIMER_ERROR_MS);
        else setImmediate(() => this.#proceed());
        return;
      }
      this.#due.shift();
      next.run();
    }
    this.#waiting = false;
  }
}

// Node's timers count whole milliseconds, and fire in the next one.
const TIMER_ERROR_MS = 2;
