import type { Readable, Writable } from 'node:stream';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';
import { visible } from '../core/format.ts';
import { interruptibleRead } from '../core/interruptible.ts';
import { decodeText, refuseLossyText } from '../core/text-input.ts';
import { message } from './prose.ts';

export interface Confirmation {
  /** What will happen, as a sentence without its full stop. */
  readonly what: string;
  /** What to type: the name of what is at stake. */
  readonly word: string;
  /** `--yes`: do not ask. */
  readonly yes: boolean;
  /** How to see beforehand what will happen. Default: `--dry-run`. */
  readonly look?: string | undefined;
  /** What a refusal prevents. Default: `nothing was deleted`. */
  readonly spared?: string | undefined;
}

const LOOK = '--dry-run to see what would go';

/**
 * Returns once the word has been typed at a terminal, or at once with --yes. Throws `usage` for any other answer and where
 * there is no terminal, and the signal's reason when interrupted.
 */
export async function confirm(
  { stdin, stderr, signal }: Context,
  { what, word, yes, look = LOOK, spared = 'nothing was deleted' }: Confirmation,
): Promise<void> {
  if (yes) return;
  // A script that was typed at a terminal has ended it: nothing would ever come, and the program would end without a word.
  if (stdin?.isTTY !== true || !stdin.readable) {
    throw new JavumboError('usage', `${what}: that needs a confirmation, and there is no terminal to ask`, {
      try: `${look}, and then --yes`,
    });
  }
  const { createInterface } = await import('node:readline');
  stderr.write(`${message(visible(`${what}.`), stderr)}\nType ${visible(word)} to go on: `);
  // Without `terminal` the terminal itself edits the line, and Ctrl-C stays a signal.
  const lines = createInterface({ input: stdin, terminal: false, ...(signal === undefined ? {} : { signal }) });
  try {
    const typed = await new Promise<string | undefined>((resolve) => {
      lines.once('line', resolve);
      lines.once('close', () => resolve(undefined));
    });
    if (signal?.aborted) {
      stderr.write('\n');
      throw signal.reason;
    }
    if (typed?.trim() === word) return;
    throw new JavumboError('usage', `not confirmed: ${spared}`, { try: look });
  } finally {
    lines.close();
  }
}

// More than any accepted password, so that a wrong file in the pipe is refused before its end.
const BYTES_MAX = 4_096;

export interface PasswordQuestion {
  /** `--password-stdin`. */
  readonly fromStdin: boolean;
  /** Ask twice, because a typing error would lock the user out. */
  readonly twice: boolean;
}

/**
 * Returns a password from a hidden prompt or, without its line end, from standard input; never from an argument, which
 * every user of the machine can see. Throws `usage` if there is neither, or if the input is not one line of text.
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
  if (bytes > BYTES_MAX) throw refused(`standard input holds more than ${BYTES_MAX} bytes, and a password has 72`);
  const password = decodeText(Buffer.concat(chunks), 'the password on standard input', PIPE).replace(/\r?\n$/, '');
  if (password === '') throw refused('standard input holds no password');
  if (/[\r\n]/.test(password)) throw refused('standard input holds more than one line');
  return password;
}

const PIPE = 'printf \'%s\' "$PASSWORD" | javumbo … --password-stdin';

function refused(message: string): JavumboError {
  return new JavumboError('usage', message, { try: PIPE });
}

async function prompted({ stdin, stderr }: Context, message: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({
    message,
    // stdout is for the result.
    input: stdin as unknown as Readable,
    output: stderr as unknown as Writable,
  });
  if (isCancel(answer))
    throw new JavumboError('interrupted', 'no password was given', { try: 'the same command again' });
  refuseLossyText(answer ?? '', 'what was typed', 'a terminal that sends UTF-8');
  return answer ?? '';
}
