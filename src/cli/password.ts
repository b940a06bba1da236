import type { Readable, Writable } from 'node:stream';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { interruptibleRead } from '../core/interruptible.ts';

// Longer than any password that is taken, so that a wrong file in the pipe is told and not read to its end.
const BYTES_MAX = 4_096;

export interface PasswordQuestion {
  /** `--password-stdin`. */
  readonly fromStdin: boolean;
  /** Asked twice, as where a typing error would lock somebody out. */
  readonly twice: boolean;
}

/**
 * A password from standard input, without its line end, or from a hidden prompt where a terminal is there; never from an
 * argument, which every user of the machine can see. Throws `usage` where there is neither, or for one that is no text.
 */
export async function askPassword(context: Context, { fromStdin, twice }: PasswordQuestion): Promise<string> {
  const { stdin, signal } = context;
  if (stdin?.isTTY === true) {
    const password = await prompted(context, 'Password');
    if (twice && (await prompted(context, 'The same again')) !== password) {
      throw new JavumboError('usage', 'the two passwords differ', { try: 'the same command again' });
    }
    return password;
  }
  if (!fromStdin || stdin === undefined) {
    throw new JavumboError('usage', 'there is no terminal to ask for the password', {
      try: 'the same command with --password-stdin, and the password on standard input',
    });
  }
  return signal === undefined ? read(stdin) : interruptibleRead({ signal }, () => read(stdin));
}

async function read(stdin: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > BYTES_MAX) break;
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
    const password = text.replace(/\r?\n$/, '');
    if (password === '') throw new JavumboError('usage', 'standard input holds no password', { try: PIPE });
    if (bytes > BYTES_MAX) {
      throw new JavumboError('usage', `standard input holds more than ${BYTES_MAX} bytes, and a password has 72`, {
        try: PIPE,
      });
    }
    if (/[\r\n]/.test(password)) {
      throw new JavumboError('usage', 'standard input holds more than one line', { try: PIPE });
    }
    return password;
  } catch (error) {
    if (error instanceof JavumboError) throw error;
    throw new JavumboError('usage', 'the password on standard input is not UTF-8', { try: PIPE, cause: error });
  }
}

const PIPE = 'printf \'%s\' "$PASSWORD" | javumbo … --password-stdin';

async function prompted({ stdin, stderr }: Context, message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({
    message,
    // The prompt is for people, and stdout is for the result.
    input: stdin as unknown as Readable,
    output: stderr as unknown as Writable,
  });
  if (isCancel(answer))
    throw new JavumboError('interrupted', 'no password was given', { try: 'the same command again' });
  return answer ?? '';
}
