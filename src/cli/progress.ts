import type { Context } from './context.ts';

/** What is going on, for whoever waits. */
export interface Progress {
  /** Shows where the work is; on a terminal, once it has taken longer than a second. */
  show(text: string): void;
  /** Takes the line away. */
  done(): void;
}

// What ends sooner would only flicker.
const QUIET_MS = 1_000;

/** A line on stderr that is written over; nothing where stderr is no terminal or the user wants quiet. */
export function progressOn({ stderr, clock }: Context, quiet: boolean): Progress {
  if (quiet || stderr.isTTY !== true) return { show: () => {}, done: () => {} };
  const startedAt = clock.monotonic();
  let shown = false;
  return {
    show: (text) => {
      if (clock.monotonic() - startedAt < QUIET_MS) return;
      shown = true;
      stderr.write(`\r\u001b[2K${text.slice(0, (stderr.columns ?? 80) - 1)}`);
    },
    done: () => {
      if (shown) stderr.write('\r\u001b[2K');
      shown = false;
    },
  };
}

const BAR_WIDTH = 30;

/** `importing accounts [##########····················] 1,667 of 5,000`. */
export function progressBar(what: string, done: number, total: number): string {
  const filled = total === 0 ? BAR_WIDTH : Math.floor((done / total) * BAR_WIDTH);
  const count = (value: number): string => value.toLocaleString('en-US');
  return `${what} [${'#'.repeat(filled)}${'·'.repeat(BAR_WIDTH - filled)}] ${count(done)} of ${count(total)}`;
}
