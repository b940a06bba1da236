/**
 * The port to the function. One call is one invocation. Implementations do not retry: client.ts does, when nothing ran.
 *
 * Every implementation promises, and remote-function-contract.ts checks:
 *
 * - A container takes one call at a time and lives on for the next; concurrent calls get separate containers.
 * - What a function returns, throws or fails to do within its time limit is a reply, not an exception.
 * - `unavailable` is thrown only if the function certainly did not run for this call (`retryable` says whether the same
 *   call can succeed later), `unknown` if it may have run, `not-found` if it does not exist.
 */
export interface RemoteFunction {
  /** As in messages: `javumbo-api`, or `local`. */
  readonly name: string;
  /** Describes what is deployed. Throws `not-found`, `unavailable`. */
  describe(): Promise<FunctionDescription>;
  /** Calls the function with a JSON document as text, and waits for its end. */
  invoke(payload: string): Promise<FunctionReply>;
  /** Replaces its code; undefined: it runs this program itself. */
  readonly code?: FunctionCode | undefined;
  close(): void;
}

export interface FunctionCode {
  /**
   * Replaces the code if the function is still as described. Returns once that is accepted, not finished. Throws
   * `conflict` if someone else changed the function since, `usage` for an invalid package, `not-found`, `unavailable`,
   * and `unknown` if it may have been accepted.
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
  /** `InProgress` until calls reach the latest code and settings; then `Successful` or `Failed`. */
  readonly lastUpdateStatus?: string | undefined;
  readonly lastUpdateReason?: string | undefined;
  /** Changes with every change of the function. */
  readonly revisionId?: string | undefined;
  /** Names, never values. */
  readonly environment: readonly string[];
}

export interface FunctionReply {
  /** The function's raw result, perhaps not JSON. Empty if it failed. */
  readonly payload: string;
  /** Set if the function did not return. */
  readonly fault?: FunctionFault | undefined;
  /** The billed duration in milliseconds, and memory. */
  readonly billedMs?: number | undefined;
  readonly memoryMb?: number | undefined;
}

/** `threw`: an exception. `timed-out`: its time limit ended it. `crashed`: its process ended. Its work may be done. */
export interface FunctionFault {
  readonly kind: 'threw' | 'timed-out' | 'crashed';
  /** In the service's own words. For an exception only its type, since its text may be secret. */
  readonly message: string;
}
