/** Calls so far and the memory they held, in GB-seconds of 2^30 bytes, as Lambda bills them. */
export interface FunctionUse {
  readonly invocations: number;
  readonly gbSeconds: number;
}

export const NO_FUNCTION_USE: FunctionUse = { invocations: 0, gbSeconds: 0 };

export function functionUseSince(earlier: FunctionUse, now: FunctionUse): FunctionUse {
  return { invocations: now.invocations - earlier.invocations, gbSeconds: now.gbSeconds - earlier.gbSeconds };
}
