import { isAccessDenied } from '../aws/errors.ts';
import { JavumboError } from '../core/failure.ts';

/** `unsafe`: data can be lost, or a part of the deployment is missing. `warning`: it works, but not as in Day 1. */
export type Severity = 'ok' | 'warning' | 'unsafe';

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

const THROWN: ReadonlySet<string> = new Set(['internal', 'interrupted', 'unknown']);

/**
 * Returns an examination's findings, or that it could not be made: a missing permission is a warning, never silence; a
 * part of the wrong kind is unsafe. Rethrows what leaves everything open: without a connection or valid credentials
 * nothing may look sound.
 */
export async function examined(id: string, examine: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await examine();
  } catch (error) {
    if (!(error instanceof JavumboError) || THROWN.has(error.kind)) throw error;
    if (error.kind === 'unavailable' && !isAccessDenied(error)) throw error;
    const { kind, message, try: hint = 'the same command with --verbose' } = error;
    if (kind === 'conflict' || kind === 'corrupt') return [unsafe(id, message, hint)];
    return [warning(id, `it could not be examined: ${message}`, hint)];
  }
}
