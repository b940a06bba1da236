import { createInterface } from 'node:readline';
import type { Context } from '../core/context.ts';
import { JavumboError } from '../core/failure.ts';

export interface Confirmation {
  /** What will happen, as a sentence without its full stop. */
  readonly what: string;
  /** What must be typed: the name of what is at stake. */
  readonly word: string;
  /** `--yes`: asked and answered. */
  readonly yes: boolean;
  /** What shows beforehand what will happen. Default: `--dry-run`, of whoever deletes. */
  readonly look?: string | undefined;
  /** What has not happened without a confirmation. Default: `nothing was deleted`. */
  readonly spared?: string | undefined;
}

const LOOK = '--dry-run to see what would go';

/**
 * Returns when somebody at a terminal has typed the word, or has said --yes before. Throws `usage` for anything else; with
 * nobody there to ask, no answer is assumed. Interrupted, it does not wait for one, and throws the signal's reason.
 */
export async function confirm(
  { stdin, stderr, signal }: Context,
  { what, word, yes, look = LOOK, spared = 'nothing was deleted' }: Confirmation,
): Promise<void> {
  if (yes) return;
  if (stdin?.isTTY !== true) {
    throw new JavumboError('usage', `${what}: that needs a confirmation, and nobody is there to give it`, {
      try: `${look}, and then --yes`,
    });
  }
  stderr.write(`${what}.\nType ${word} to go on: `);
  // Without `terminal` the line is the terminal's to edit, and Ctrl-C stays a signal.
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
