import type { Context, Output } from '../core/context.ts';
import { formatBytes, jsonText, visible } from '../core/format.ts';
import type { Transfer } from '../core/requests.ts';
import type { OutputFlags } from './paint.ts';

/** Shows on stderr what is going on. */
export interface Progress {
  /**
   * Says where the work is, and how many of its bytes are done. Appears on a terminal once the work has taken longer than
   * a second.
   */
  show(text: string, bytes?: Transfer): void;
  /** Removes the line. */
  done(): void;
}

// Shorter work would only flicker.
const QUIET_MS = 1_000;

/**
 * A line on stderr that overwrites itself; nothing without a terminal or with --quiet. With `json`, a line of JSON a second
 * at most instead, on a terminal or not.
 */
export function progressOn(
  { stderr, clock }: Pick<Context, 'stderr' | 'clock'>,
  quiet: boolean,
  json = false,
): Progress {
  if (json && !quiet) return progressInJson({ stderr, clock });
  if (quiet || stderr.isTTY !== true) return { show: () => {}, done: () => {} };
  const startedAt = clock.monotonic();
  let current = (): string => '';
  let shown = false;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    const elapsedMs = clock.monotonic() - startedAt;
    if (elapsedMs < QUIET_MS) return;
    shown = true;
    redraw(stderr, `${current()} (${Math.floor(elapsedMs / 1000)} s)`);
  };
  return {
    show: (text, bytes) => {
      const shownAt = clock.monotonic();
      current = () => (bytes === undefined ? text : `${text}: ${bytesText(bytes, clock.monotonic() - shownAt)}`);
      draw();
      // A long step has no news, yet its seconds count on.
      timer ??= setInterval(draw, QUIET_MS).unref();
    },
    done: () => {
      clearInterval(timer);
      timer = undefined;
      if (shown) redraw(stderr, '');
      shown = false;
    },
  };
}

/** `3.2 MB of 53.2 MB, 1.6 MB/s`. */
function bytesText({ doneBytes, totalBytes }: Transfer, milliseconds: number): string {
  const done = doneBytes();
  return `${formatBytes(done)} of ${formatBytes(totalBytes)}${rateText(done, milliseconds)}`;
}

/** `, 4.1 MB/s`; nothing before there is a second to divide by. */
export function rateText(bytes: number, milliseconds: number): string {
  return milliseconds < QUIET_MS ? '' : `, ${formatBytes((bytes / milliseconds) * 1000)}/s`;
}

function progressInJson({ stderr, clock }: Pick<Context, 'stderr' | 'clock'>): Progress {
  const startedAt = clock.monotonic();
  let saidAt = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let moving: { readonly text: string; readonly bytes: Transfer; readonly since: number } | undefined;
  const say = (text: string): void => {
    saidAt = clock.monotonic();
    const elapsedMs = Math.round(saidAt - startedAt);
    stderr.write(`${jsonText({ progress: { text, elapsedMs, ...(moving && bytesFields(moving, saidAt)) } })}\n`);
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
    // All that was moved, however short it took.
    if (moving !== undefined) say(moving.text);
    moving = undefined;
  };
  return {
    show: (text, bytes) => {
      stop();
      const now = clock.monotonic();
      if (bytes !== undefined) {
        moving = { text, bytes, since: now };
        timer = setInterval(() => say(text), QUIET_MS).unref();
      }
      if (now - saidAt >= QUIET_MS) say(text);
    },
    done: stop,
  };
}

function bytesFields(
  { bytes: { doneBytes, totalBytes }, since }: { readonly bytes: Transfer; readonly since: number },
  now: number,
): Readonly<Record<string, number>> {
  const [done, milliseconds] = [doneBytes(), now - since];
  const rate = milliseconds > 0 ? { bytesPerSecond: Math.round((done / milliseconds) * 1000) } : {};
  return { doneBytes: done, totalBytes, ...rate };
}

/** Runs work that shows its progress, and removes the line when it ends. */
export async function withProgress<T>(
  {
    context,
    flags,
  }: {
    readonly context: Pick<Context, 'stderr' | 'clock'>;
    readonly flags: Pick<OutputFlags, 'quiet' | 'progressJson'>;
  },
  work: (progress: Progress) => Promise<T>,
): Promise<T> {
  const progress = progressOn(context, flags.quiet, flags.progressJson);
  try {
    return await work(progress);
  } finally {
    progress.done();
  }
}

const BAR_WIDTH = 30;

/** `importing accounts [##########····················] 1,667 of 5,000`. */
export function progressBar(what: string, done: number, total: number): string {
  const filled = total === 0 ? BAR_WIDTH : Math.floor((done / total) * BAR_WIDTH);
  const count = (value: number): string => value.toLocaleString('en-US');
  return `${what} [${'#'.repeat(filled)}${'·'.repeat(BAR_WIDTH - filled)}] ${count(done)} of ${count(total)}`;
}

/** Lists what runs and how it ended. */
export interface Checklist {
  started(title: string): void;
  ended(status: 'passed' | 'failed' | 'skipped', title: string, duration: string): void;
  /** Removes the list from a terminal that is about to show the result, which says the same in full. */
  done(): void;
}

const MARKS = { passed: '✓', failed: '✗', skipped: '-' } as const;

/** A checklist on stderr; nothing without a terminal or with --quiet. */
export function checklistOn(
  { stderr, stdout, clock }: Context,
  { quiet, verbose, progressJson = false }: Pick<OutputFlags, 'quiet' | 'verbose' | 'progressJson'>,
): Checklist {
  if (progressJson && !quiet) {
    const startedAt = clock.monotonic();
    const say = (text: string, status: string): void => {
      const elapsedMs = Math.round(clock.monotonic() - startedAt);
      stderr.write(`${jsonText({ progress: { text, status, elapsedMs } })}\n`);
    };
    return {
      started: (title) => say(title, 'started'),
      ended: (status, title) => say(title, status),
      done: () => {},
    };
  }
  if (quiet || stderr.isTTY !== true) return { started: () => {}, ended: () => {}, done: () => {} };
  let lines = 0;
  return {
    started: (title) => redraw(stderr, `… ${title}`),
    ended: (status, title, duration) => {
      redraw(stderr, `${MARKS[status]} ${title}  ${duration}`);
      stderr.write('\n');
      lines++;
    },
    done: () => {
      redraw(stderr, '');
      // With --verbose other lines may stand between.
      if (lines > 0 && stdout.isTTY === true && !verbose) stderr.write(`\u001b[${lines}A\u001b[J`);
      lines = 0;
    },
  };
}

/** Replaces the last line, and cuts the text so that it stays one line. */
function redraw(stderr: Output, text: string): void {
  stderr.write(`\r\u001b[2K${[...visible(text)].slice(0, (stderr.columns || 80) - 1).join('')}`);
}
