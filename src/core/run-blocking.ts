/** Runs synchronous work that may take any time. Rejects, and does not begin it, when it is not wanted any more. */
export type RunBlocking = <T>(work: () => T) => Promise<T>;

/** The one that was injected; without one the work is ours, and short, and simply runs. */
export function runBlockingIn({ runBlocking }: { readonly runBlocking?: RunBlocking | undefined }): RunBlocking {
  return runBlocking ?? (async (work) => work());
}
