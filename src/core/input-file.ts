import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { JavumboError, messageOf } from './failure.ts';
import { decodeText } from './text-input.ts';

/**
 * Reads a file that an option names. Throws an Error that says why it cannot be read, also for what is not an ordinary
 * file: a pipe may never end, and a device has no end.
 */
export async function readInputFile(file: string, bytesMax = Number.POSITIVE_INFINITY): Promise<Buffer> {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (found.isFIFO() && STREAM_OF_CALLER.test(file))
      return await readStream(file, Math.min(bytesMax, STREAM_BYTES_MAX));
    if (!found.isFile()) throw new Error('it is not an ordinary file');
    if (found.size > bytesMax) throw new Error(`it has ${found.size} bytes, and ${bytesMax} are allowed`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

// What a shell puts there, as for `--file <(generate)`, ends with its writer. Signals end the wait.
const STREAM_OF_CALLER = /^\/(dev|proc\/self)\/(stdin|fd\/\d+)$/;
const STREAM_BYTES_MAX = 64 * 1024 * 1024;

async function readStream(file: string, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax) throw new Error(`it has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reads a file of text that an option names. Throws `usage`. */
export async function readTextFile(file: string, hint: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readInputFile(file);
  } catch (error) {
    throw new JavumboError('usage', `${file} cannot be read: ${messageOf(error)}`, { try: hint, cause: error });
  }
  return decodeText(bytes, file, hint);
}
