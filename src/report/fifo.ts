import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../core/failure.ts';

const RETRY_AFTER_MS = 20;

// A reader takes what a pipe holds well within this second.
const TRIES_WHEN_INTERRUPTED = 50;

/** A named pipe, open for writing. */
export interface Fifo {
  /** Writes the text and closes the pipe. Throws if no one reads it. */
  write(text: string): Promise<void>;
}

/**
 * Opens a named pipe, waiting for a reader. An interruption ends the wait, and `write` then reports that no one reads.
 * Never blocks: Node cannot cancel a blocking call, and even its exit waits for it.
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

/** Retries while the system answers `code`, meaning that no one reads; after an interruption, at most that often. */
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
