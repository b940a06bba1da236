import { SUPERVISED } from './messages.ts';

/**
 * How a command is stopped by Ctrl-C. `asked`: it only prints text. `watched`: by a handler in its own process.
 * `supervisor`: by another process, which starts it (supervisor.ts); it costs the start of one more Node, 0.09 s where
 * that takes 0.06 (measured), so only what can spend long in SQLite has one. `supervised`: this is what it has started.
 */
export type Choice =
  | { readonly kind: 'asked' | 'watched' | 'supervisor' }
  | { readonly kind: 'supervised'; readonly runId: string };

// Whatever is here or behind these words runs SQL of any length, reads whole databases in SQLite, or works for minutes.
const SUPERVISED_NOUNS = ['bench', 'verify'];
const SUPERVISED_VERBS_OF_DB = ['query', 'exec', 'check', 'info', 'push', 'create'];

const ASKED = ['--version', '--help', '-V', '-h'];

/** Decides by the words alone, before anything is loaded; where it errs, it only costs the start of a process. */
export function choose(argv: readonly string[], env: NodeJS.ProcessEnv, hasChannel: boolean): Choice {
  const runId = env[SUPERVISED];
  // For this process alone: what it starts is not supervised.
  delete env[SUPERVISED];
  if (hasChannel && runId !== undefined) return { kind: 'supervised', runId };
  if (isAsked(argv)) return { kind: 'asked' };
  const long =
    argv.some((word) => SUPERVISED_NOUNS.includes(word)) ||
    (argv.includes('db') && argv.some((word) => SUPERVISED_VERBS_OF_DB.includes(word)));
  return { kind: long ? 'supervisor' : 'watched' };
}

/**
 * Only where nothing can precede but a noun and a verb: further behind, the same word may be a username, a value, or SQL,
 * and a command without a supervisor could not be stopped in order.
 */
function isAsked(argv: readonly string[]): boolean {
  const option = argv.slice(0, 3).findIndex((word) => word.startsWith('-'));
  const names = option === -1 ? argv.slice(0, 2) : argv.slice(0, Math.min(option, 2));
  return argv.length === 0 || names.includes('help') || ASKED.includes(argv[option] ?? '');
}
