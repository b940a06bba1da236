/** Calls so far and the memory they held, in GB-seconds of 2^30 bytes, as Lambda bills them. */
export interface FunctionUse {
  readonly invocations: number;
  readonly gbSeconds: number;
}

export const NO_FUNCTION_USE: FunctionUse = { invocations: 0, gbSeconds: 0 };

/** What was added to a use since it read `earlier`, as a report has it: nothing where nothing was called. */
export function lambdaSince(earlier: FunctionUse, now: FunctionUse): { readonly lambda?: FunctionUse } {
  const invocations = now.invocations - earlier.invocations;
  return invocations === 0 ? {} : { lambda: { invocations, gbSeconds: now.gbSeconds - earlier.gbSeconds } };
}
