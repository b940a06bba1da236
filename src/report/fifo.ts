import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../core/failure.ts';

const RETRY_AFTER_MS = 20;

// Someone who reads takes what a pipe holds in far less than this second.
const TRIES_WHEN_INTERRUPTED = 50;

/** A pipe with a name, opened for writing. */
export interface Fifo {
  /** Writes all of it and closes the pipe. Throws where nobody reads. */
  write(text: string): Promise<void>;
}

/**
 * Opens a pipe with a name, waiting for somebody to read it. Interrupted, it waits no longer, and says at the end that
 * nobody reads. Never by a call that blocks: Node cannot take one back, and even its exit waits for it.
 */
export async function openFifo(path: string, signal: AbortSignal | undefined): Promise<Fifo> {
  const mode = constants.O_WRONLY | constants.O_NONBLOCK;
  const handle = await whenRead(() => open(path, mode), 'ENXIO', signal, 1).catch((error: unknown) => {
    if (error instanceof Unread) return undefined;
    throw error;
  });
  return {
    write: async (text) => {
      if (handle === undefined) throw new Unread();
      try {
        await writeAll(handle, Buffer.from(text), signal);
      } finally {
        await handle.close();
      }
    },
  };
}

async function writeAll(handle: FileHandle, bytes: Buffer, signal: AbortSignal | undefined): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const write = () => handle.write(bytes, offset);
    offset += (await whenRead(write, 'EAGAIN', signal, TRIES_WHEN_INTERRUPTED)).bytesWritten;
  }
}

/** Tries again while the system answers `code`, which says that nobody reads; once interrupted, that many times. */
async function whenRead<T>(
  attempt: () => Promise<T>,
  code: string,
  signal: AbortSignal | undefined,
  triesWhenInterrupted: number,
): Promise<T> {
  for (let tries = 0; tries < triesWhenInterrupted; ) {
    try {
      return await attempt();
    } catch (error) {
      if (codeOf(error) !== code) throw error;
    }
    if (signal?.aborted) tries++;
    await sleep(RETRY_AFTER_MS);
  }
  throw new Unread();
}

class Unread extends Error {
  constructor() {
    super('nobody reads it');
  }
}
