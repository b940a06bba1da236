import { isAccessDenied } from '../aws/errors.ts';
import { JavumboError } from '../core/failure.ts';

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

const THROWN: ReadonlySet<string> = new Set(['internal', 'interrupted', 'unknown']);

/**
 * What an examination finds, or that it could not be made: a right that is missing is a warning and never silence; a part
 * that is another than was meant cannot be used. Throws again what leaves everything open: who cannot connect, or is not
 * known there, must not read that all is well.
 */
export async function examined(id: string, examine: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await examine();
  } catch (error) {
    if (!(error instanceof JavumboError) || THROWN.has(error.kind)) throw error;
    if (error.kind === 'unavailable' && !isAccessDenied(error)) throw error;
    const { kind, message, try: hint = 'the same command with --verbose' } = error;
    if (kind === 'conflict' || kind === 'corrupt') return [unsafe(id, message, hint)];
    return [warning(id, `it could not be looked at: ${message}`, hint)];
  }
}
