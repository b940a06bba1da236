import type { Context } from '../core/context.ts';

/** What is going on, for whoever waits. */
export interface Progress {
  /** Says where the work is; shown on a terminal once the work has taken longer than a second. */
  show(text: string): void;
  /** Takes the line away. */
  done(): void;
}

// What ends sooner would only flicker.
const QUIET_MS = 1_000;

/** A line on stderr that is written over; nothing where stderr is no terminal or the user wants quiet. */
export function progressOn({ stderr, clock }: Pick<Context, 'stderr' | 'clock'>, quiet: boolean): Progress {
  if (quiet || stderr.isTTY !== true) return { show: () => {}, done: () => {} };
  const startedAt = clock.monotonic();
  let current = '';
  let shown = false;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    const elapsedMs = clock.monotonic() - startedAt;
    if (elapsedMs < QUIET_MS) return;
    shown = true;
    const line = `${current} (${Math.floor(elapsedMs / 1000)} s)`;
    stderr.write(`\r\u001b[2K${[...line].slice(0, (stderr.columns || 80) - 1).join('')}`);
  };
  return {
    show: (text) => {
      current = text;
      draw();
      // One long step says nothing new for a while, and is no less going on.
      timer ??= setInterval(draw, QUIET_MS).unref();
    },
    done: () => {
      clearInterval(timer);
      timer = undefined;
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
