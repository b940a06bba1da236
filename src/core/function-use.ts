/** Calls so far and the memory time they used, in GB-seconds (2^30 bytes), as Lambda bills them. */
export interface FunctionUse {
  readonly invocations: number;
  readonly gbSeconds: number;
}

export const NO_FUNCTION_USE: FunctionUse = { invocations: 0, gbSeconds: 0 };

/** Returns the use since `earlier` in a report's shape: empty if nothing was called. */
export function lambdaSince(earlier: FunctionUse, now: FunctionUse): { readonly lambda?: FunctionUse } {
  const invocations = now.invocations - earlier.invocations;
  return invocations === 0 ? {} : { lambda: { invocations, gbSeconds: now.gbSeconds - earlier.gbSeconds } };
}
