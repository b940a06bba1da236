/**
 * What went wrong, classified by what the caller can do about it. A new kind needs a caller that would act differently.
 *
 * - `usage`: the request is wrong and nothing was attempted. Change the request.
 * - `not-found`: the named thing does not exist.
 * - `conflict`: another writer committed first, or the thing already exists. Fetch the current state and decide again.
 * - `unavailable`: it certainly did not happen and may work later (network, credentials, throttling).
 * - `unknown`: it may have happened. Look before trying again.
 * - `violation`: the tool worked and the answer is bad (a failed check, a missed threshold).
 * - `corrupt`: stored bytes are not what they must be.
 * - `internal`: a defect of this program.
 * - `interrupted`: a signal ended the work.
 */
export type FailureKind =
  | 'usage'
  | 'not-found'
  | 'conflict'
  | 'unavailable'
  | 'unknown'
  | 'violation'
  | 'corrupt'
  | 'internal'
  | 'interrupted';

/** Optional facts beside the message. */
export interface FailureDetails {
  /** A command or action that helps, without the `try:` label. */
  readonly try?: string | undefined;
  readonly username?: string | undefined;
  /** The version that the caller's change was based on. */
  readonly expectedVersion?: string | undefined;
  /** The version in the store; absent if there is none or it was not looked up. */
  readonly actualVersion?: string | undefined;
  /**
   * Only with `unavailable`: the same request may succeed if sent again, and this attempt certainly changed nothing.
   * Absent if a retry is pointless (missing credentials, forbidden, no such bucket).
   */
  readonly retryable?: boolean | undefined;
  /**
   * Only with `unavailable`: the request was sent and rejected. Something on the way may have sent a copy that was
   * accepted, so the sender of a write must look before reporting that nothing happened.
   */
  readonly sent?: boolean | undefined;
  /**
   * Only with `sent`: the reply bears no code of the service, such as the page of a proxy, which may have passed the request
   * on before.
   */
  readonly unnamed?: boolean | undefined;
  /** Only with `unknown`: the id of the write, by which the store shows whether it has it. */
  readonly writeId?: string | undefined;
  readonly cause?: unknown;
}

/** The only exception thrown on purpose. Messages are lower case, name their subject and have no full stop. */
export class JavumboError extends Error {
  override readonly name = 'JavumboError';
  readonly kind: FailureKind;
  readonly try: string | undefined;
  readonly username: string | undefined;
  readonly expectedVersion: string | undefined;
  readonly actualVersion: string | undefined;
  readonly retryable: boolean;
  readonly sent: boolean;
  readonly unnamed: boolean;
  readonly writeId: string | undefined;

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.try = details.try;
    this.username = details.username;
    this.expectedVersion = details.expectedVersion;
    this.actualVersion = details.actualVersion;
    this.retryable = details.retryable ?? false;
    this.sent = details.sent ?? false;
    this.unnamed = details.unnamed ?? false;
    this.writeId = details.writeId;
  }
}

/** Returns the message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Returns anything that was thrown as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** Returns the `code` of a Node or SQLite error (`ENOENT`, `SQLITE_BUSY`), or undefined. */
export function codeOf(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
