import type { FailureKind } from '../core/failure.ts';

/** The exit codes. `violation`: the command worked, and its answer is bad. */
export const EXIT_CODE = {
  ok: 0,
  internal: 1,
  usage: 2,
  'not-found': 3,
  conflict: 4,
  unavailable: 5,
  unknown: 6,
  violation: 7,
  corrupt: 8,
  interrupted: 130,
} as const satisfies Record<FailureKind | 'ok', number>;

export type ExitCode = (typeof EXIT_CODE)[keyof typeof EXIT_CODE];
