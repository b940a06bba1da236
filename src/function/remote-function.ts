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
  /** How its code is replaced; undefined: it runs this very program. */
  readonly code?: FunctionCode | undefined;
  close(): void;
}

/** The code of a function that is deployed somewhere. */
export interface FunctionCode {
  /**
   * Replaces the code, if the function is still as it was described. Returns when that has been accepted, not when it is
   * done. Throws `conflict` where somebody else changed the function since, `usage` for what is no package, `not-found`,
   * `unavailable`, and `unknown` when it may have been accepted.
   */
  replace(zip: Uint8Array, expected: FunctionDescription): Promise<void>;
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
  /** `Pending` until it can be called. */
  readonly state: string;
  readonly stateReason?: string | undefined;
  /** `InProgress` until calls meet the latest code and settings; then `Successful` or `Failed`. */
  readonly lastUpdateStatus?: string | undefined;
  readonly lastUpdateReason?: string | undefined;
  /** Changes with every change of the function. */
  readonly revisionId?: string | undefined;
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
  /** In the service's own words. Of an exception only its type: what it says may be anybody's secret. */
  readonly message: string;
}
