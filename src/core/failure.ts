/**
 * What went wrong, by what the caller can do about it. A new kind needs a caller that would act differently.
 *
 * - `usage`: the request itself is wrong; nothing was attempted. Change the request.
 * - `not-found`: the named thing does not exist.
 * - `conflict`: somebody else committed first, or the thing exists already. Fetch the current state and decide again.
 * - `unavailable`: it certainly did not happen, and it may work later (network, credentials, throttling).
 * - `unknown`: it may have happened and nobody can tell yet. Look before doing it again.
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

/** Facts that a failure carries beside its message; absent where they do not apply. */
export interface FailureDetails {
  /** A command or an action that leads out, without the `try:` label. */
  readonly try?: string | undefined;
  readonly username?: string | undefined;
  /** The version that the caller built on. */
  readonly expectedVersion?: string | undefined;
  /** The version that the store holds; absent when it holds none or nobody looked. */
  readonly actualVersion?: string | undefined;
  /**
   * Only with kind `unavailable`: sending the same request again can help, and this attempt certainly changed nothing.
   * Absent means that a retry is pointless (missing credentials, forbidden, no such bucket).
   */
  readonly retryable?: boolean | undefined;
  /**
   * Only with kind `unavailable`: the request left this machine and was turned away. A copy of it that something between
   * here and the store made may have been accepted, so whoever sent a write looks before saying that nothing happened.
   */
  readonly sent?: boolean | undefined;
  readonly cause?: unknown;
}

/** The one exception that this program throws on purpose. The message is lower case, names its subject and has no full stop. */
export class JavumboError extends Error {
  override readonly name = 'JavumboError';
  readonly kind: FailureKind;
  readonly try: string | undefined;
  readonly username: string | undefined;
  readonly expectedVersion: string | undefined;
  readonly actualVersion: string | undefined;
  readonly retryable: boolean;
  readonly sent: boolean;

  constructor(kind: FailureKind, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.try = details.try;
    this.username = details.username;
    this.expectedVersion = details.expectedVersion;
    this.actualVersion = details.actualVersion;
    this.retryable = details.retryable ?? false;
    this.sent = details.sent ?? false;
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` that Node and SQLite put on their errors (`ENOENT`, `SQLITE_BUSY`), or undefined. */
export function codeOf(thrown: unknown): string | undefined {
  const code = (thrown as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}
