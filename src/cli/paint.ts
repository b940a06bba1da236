import type { Context } from '../core/context.ts';
import { timesForPeople } from './prose.ts';

export interface OutputFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Progress as JSON lines. */
  readonly progressJson?: boolean;
  /** False with --no-color. */
  readonly color: boolean;
}

/** Adds colours and shows times for people, or does neither without a terminal. */
export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  strong(text: string): string;
  faint(text: string): string;
  /** Shows the times in ISO 8601 in a text of ours. */
  times(text: string): string;
  /** The characters of bars, from nothing to most; undefined without a terminal. */
  readonly bars?: string;
}

export const PLAIN: Paint = { good: same, bad: same, warn: same, strong: same, faint: same, times: same };

function same(text: string): string {
  return text;
}

/** Returns the colours that NO_COLOR (no-color.org), --no-color and stdout's terminal allow. */
export async function paintFor(flags: OutputFlags, { env, stdout }: Context): Promise<Paint> {
  if (stdout.isTTY !== true) return PLAIN;
  const bars = isUnicode(env) ? ' ▁▂▃▄▅▆▇█' : ' .:-=+*#@';
  if (!flags.color || env.NO_COLOR || env.TERM === 'dumb') return { ...PLAIN, times: timesForPeople, bars };
  const { Chalk } = await import('chalk');
  const chalk = new Chalk({ level: 1 });
  return {
    good: chalk.green,
    bad: chalk.red,
    warn: chalk.yellow,
    strong: chalk.bold,
    faint: chalk.dim,
    times: timesForPeople,
    bars,
  };
}

/** Asks what POSIX asks, in its order. */
function isUnicode({ LC_ALL, LC_CTYPE, LANG, TERM }: NodeJS.ProcessEnv): boolean {
  return TERM !== 'dumb' && /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}
