import { createInterface, type Interface } from 'node:readline';
import type { ReadStream } from 'node:tty';
import type { Context } from '../core/context.ts';

/** What a person did at a prompt: entered a line, pressed Ctrl-C, or Ctrl-D on an empty line. */
export type Entered =
  | { readonly kind: 'line'; readonly line: string }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'ended' };

export interface LineReader {
  next(prompt: string): Promise<Entered>;
  /** Forgets what was typed or pasted behind the last line, and the rest of a paste that still arrives. True if there was any. */
  dropPasted(): Promise<boolean>;
  /** The lines so far, newest first. */
  readonly history: readonly string[];
}

/**
 * Reads lines that a person edits at a terminal; the prompt goes to stderr. Between two lines the terminal is as it was, so
 * that Ctrl-C is a signal while something runs. What is typed or pasted meanwhile becomes the next lines.
 */
export function readLinesFrom(
  { stdin, stderr, clock, signal }: Context,
  options: {
    readonly history: readonly string[];
    /** Returns what the end of a line may become, and which part of the line it replaces. */
    readonly complete: (line: string) => [candidates: string[], replaced: string];
  },
): LineReader {
  let history = [...options.history];
  const waiting: string[] = [];
  let begun = '';
  return {
    get history() {
      return history;
    },
    dropPasted: async () => {
      let dropped = waiting.length > 0 || begun !== '';
      waiting.length = 0;
      begun = '';
      // Outside of raw mode the terminal would keep an unfinished line.
      const terminal = stdin as ReadStream;
      let heard = true;
      const hear = (): void => {
        heard = true;
        dropped = true;
      };
      terminal.setRawMode(true);
      terminal.on('data', hear).resume();
      try {
        while (heard) {
          heard = false;
          await clock.sleep(PASTE_PAUSE_MAX_MS, signal);
        }
      } finally {
        terminal.off('data', hear).pause();
        terminal.setRawMode(false);
      }
      return dropped;
    },
    next: async (prompt) => {
      const pasted = waiting.shift();
      if (pasted !== undefined) {
        stderr.write(`${prompt}${pasted}\n`);
        return { kind: 'line', line: pasted };
      }
      const lines: Interface = createInterface({
        input: stdin as NodeJS.ReadableStream,
        output: stderr as unknown as NodeJS.WritableStream,
        terminal: true,
        prompt,
        history: [...history],
        historySize: HISTORY_LENGTH_MAX,
        removeHistoryDuplicates: true,
        completer: options.complete,
        ...(signal === undefined ? {} : { signal }),
      });
      lines.on('history', (kept) => {
        history = [...kept];
      });
      try {
        const entered = await new Promise<Entered>((resolve) => {
          lines.on('line', (line) => {
            // One read may hold several lines.
            waiting.push(line);
            resolve({ kind: 'line', line });
          });
          lines.once('SIGINT', () => resolve({ kind: 'cancelled' }));
          lines.once('close', () => resolve({ kind: 'ended' }));
          lines.prompt();
          if (begun !== '') lines.write(begun);
        });
        signal?.throwIfAborted();
        begun = entered.kind === 'line' ? lines.line : '';
        if (entered.kind === 'line') waiting.shift();
        else stderr.write('\n');
        return entered;
      } finally {
        lines.close();
      }
    },
  };
}

// A terminal hands on a paste without a pause, but only some kilobytes at once.
const PASTE_PAUSE_MAX_MS = 100;

const HISTORY_LENGTH_MAX = 1_000;
