import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Context } from './context.ts';
import { JavumboError, messageOf } from './failure.ts';
import { interruptibleRead } from './interruptible.ts';
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
      return await readStream(createReadStream(file), Math.min(bytesMax, STREAM_BYTES_MAX));
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

async function readStream(stream: NodeJS.ReadableStream, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const each of stream) {
    const chunk = Buffer.from(each);
    length += chunk.length;
    if (length > bytesMax) throw new Error(`it has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reads all of standard input as text; a signal ends the wait. Throws `usage`. */
export async function readStdin({ stdin, signal }: Pick<Context, 'stdin' | 'signal'>, hint: string): Promise<string> {
  if (stdin === undefined) throw new JavumboError('usage', 'there is no standard input to read', { try: hint });
  const read = (): Promise<Buffer> => readStream(stdin, STREAM_BYTES_MAX);
  try {
    const bytes = await (signal === undefined ? read() : interruptibleRead({ signal }, read));
    return decodeText(bytes, 'standard input', hint);
  } catch (error) {
    if (error instanceof JavumboError) throw error;
    throw new JavumboError('usage', `standard input cannot be read: ${messageOf(error)}`, { try: hint, cause: error });
  }
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
