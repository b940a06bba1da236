/** Runs synchronous work of unbounded length. Rejects without starting it once the command is interrupted. */
export type RunBlocking = <T>(work: () => T) => Promise<T>;

/** Returns the injected one; without one the work is our own and short, and runs directly. */
export function runBlockingIn({ runBlocking }: { readonly runBlocking?: RunBlocking | undefined }): RunBlocking {
  return runBlocking ?? (async (work) => work());
}
