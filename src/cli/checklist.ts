import type { Context } from '../core/context.ts';
import type { OutputFlags } from './paint.ts';

/** A list of what runs and of how it ended, for whoever watches. */
export interface Checklist {
  started(title: string): void;
  ended(status: 'passed' | 'failed' | 'skipped', title: string, duration: string): void;
  /** To be called before the result is shown, which says the same in full: a terminal that shows both loses the list. */
  done(): void;
}

const MARKS = { passed: '✓', failed: '✗', skipped: '-' } as const;

/** On stderr, each line as it is now; nothing where stderr is no terminal or the user wants quiet. */
export function checklistOn({ stderr, stdout }: Context, { quiet }: Pick<OutputFlags, 'quiet'>): Checklist {
  if (quiet || stderr.isTTY !== true) return { started: () => {}, ended: () => {}, done: () => {} };
  let lines = 0;
  const cut = (line: string): string => [...line].slice(0, (stderr.columns || 80) - 1).join('');
  return {
    started: (title) => stderr.write(`\r\u001b[2K${cut(`… ${title}`)}`),
    ended: (status, title, duration) => {
      stderr.write(`\r\u001b[2K${cut(`${MARKS[status]} ${title}  ${duration}`)}\n`);
      lines++;
    },
    done: () => {
      stderr.write('\r\u001b[2K');
      if (lines > 0 && stdout.isTTY === true) stderr.write(`\u001b[${lines}A\u001b[J`);
      lines = 0;
    },
  };
}
