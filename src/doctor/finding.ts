import { JavumboError, messageOf } from '../failure.ts';
import { isRetryable } from '../retry.ts';

/** `unsafe`: data can be lost, or a part of the deployment is not there. `warning`: it works, and not as Day 1 has it. */
export type Severity = 'ok' | 'warning' | 'unsafe';

/** One thing that was looked at. */
export interface Finding {
  /** Stable, for scripts: `bucket.versioning`. */
  readonly id: string;
  readonly severity: Severity;
  readonly message: string;
  readonly try?: string | undefined;
}

export function ok(id: string, message: string): Finding {
  return { id, severity: 'ok', message };
}

export function warning(id: string, message: string, hint: string): Finding {
  return { id, severity: 'warning', message, try: hint };
}

export function unsafe(id: string, message: string, hint: string): Finding {
  return { id, severity: 'unsafe', message, try: hint };
}

/**
 * What an examination finds, or that it could not be made: a right that is missing is a warning and never silence. Throws
 * again what may be over in a minute, since then nothing is known.
 */
export async function examined(id: string, examine: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await examine();
  } catch (error) {
    if (isRetryable(error)) throw error;
    const known = error instanceof JavumboError ? error : undefined;
    if (known?.kind === 'interrupted' || known?.kind === 'unknown') throw error;
    return [
      warning(id, `it could not be looked at: ${messageOf(error)}`, known?.try ?? 'the same command with --verbose'),
    ];
  }
}
