/**
 * The port to the function, wherever it runs. One call is one invocation, and no implementation retries: client.ts does,
 * where it is known that nothing ran.
 *
 * What each implementation swears to, and remote-function-contract.ts checks:
 *
 * - A container takes one call at a time, lives on for the next one, and calls at the same time get containers of their own.
 * - What a function returns, throws or fails to do within its time limit is a reply, not an exception.
 * - `unavailable` is thrown only when the function certainly did not run for this call (`retryable` says whether the same
 *   call can succeed later), `unknown` when it may have run and nobody can tell, `not-found` when there is none.
 */
export interface RemoteFunction {
  /** As messages have it: `javumbo-api`, or `local`. */
  readonly name: string;
  /** What is deployed. Throws `not-found`, `unavailable`. */
  describe(): Promise<FunctionDescription>;
  /** Calls the function with a JSON document as text and waits for its end. */
  invoke(payload: string): Promise<FunctionReply>;
  close(): void;
}

export interface FunctionDescription {
  readonly name: string;
  readonly kind: 'local' | 'lambda';
  readonly arn?: string | undefined;
  readonly runtime: string;
  readonly architecture: string;
  readonly handler?: string | undefined;
  readonly memoryMb: number;
  readonly timeoutSeconds: number;
  readonly temporaryStorageMb: number;
  readonly codeSha256?: string | undefined;
  readonly codeSizeBytes?: number | undefined;
  readonly lastModified?: string | undefined;
  readonly state: string;
  readonly lastUpdateStatus?: string | undefined;
  /** Names, never values. */
  readonly environment: readonly string[];
}

export interface FunctionReply {
  /** What the function returned, as it came: nobody has looked yet whether it is JSON. Empty where it failed. */
  readonly payload: string;
  /** Set where the function did not return. */
  readonly fault?: FunctionFault | undefined;
  /** For how long the call was billed, in milliseconds, and with how much memory. */
  readonly billedMs?: number | undefined;
  readonly memoryMb?: number | undefined;
}

/**
 * `threw`: an exception came out of it. `timed-out`: its time limit ended it. `crashed`: its process ended. Whatever it
 * was doing may be done.
 */
export interface FunctionFault {
  readonly kind: 'threw' | 'timed-out' | 'crashed';
  /** In the function's or the service's own words. */
  readonly message: string;
}
