import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { JavumboError, messageOf } from './failure.ts';

/**
 * Returns the text that bytes are in UTF-8, without a byte order mark. Throws `usage` for any other bytes, naming `what`
 * and the position: decoded with loss, they would be stored as something that nobody wrote.
 */
export function decodeText(bytes: Uint8Array, what: string, hint: string): string {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = given.toString('utf8');
  const again = Buffer.from(text);
  if (!given.equals(again)) {
    let position = 0;
    while (given[position] === again[position]) position++;
    const line = given.subarray(0, position).toString('latin1').split('\n').length;
    throw new JavumboError('usage', `${what} is not UTF-8: byte ${position + 1}, on line ${line}`, { try: hint });
  }
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}

/** Throws `usage` for a text that came decoded with loss (by Node, from an argument), or that UTF-8 cannot hold. */
export function refuseLossyText(text: string, what: string, hint: string): void {
  const position = text.search(/\p{Surrogate}|\ufffd/u);
  if (position === -1) return;
  const why = text[position] === '\ufffd' ? 'is not UTF-8' : 'holds half of a surrogate pair';
  throw new JavumboError('usage', `${what} ${why}: character ${position + 1}`, { try: hint });
}

/**
 * Reads a file that an option names. Throws an Error that says why it cannot be read, also for what is not an ordinary
 * file: a pipe may never end, and a device has no end.
 */
export async function readInputFile(file: string, bytesMax = Number.POSITIVE_INFINITY): Promise<Buffer> {
  // Without O_NONBLOCK, opening a pipe waits for its writer.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await handle.stat();
    if (found.isFIFO() && STREAM_OF_CALLER.test(file)) return await readStream(file);
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

async function readStream(file: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > STREAM_BYTES_MAX) throw new Error(`it has more than ${STREAM_BYTES_MAX} bytes`);
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
