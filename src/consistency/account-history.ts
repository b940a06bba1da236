/** An account as observed: the token of its create, and its name, which grows by tokens. */
export interface AccountState {
  readonly madeBy: string;
  readonly name: string;
}

/**
 * - `create` creates an account whose name is a unique token; `rename` sets its name to one.
 * - `append` reads the name and adds a token, again while others change it; `append-once` does not retry.
 * - `foreign` is an `append-once` by another program, which leaves write ids as they are.
 */
export type AccountOperationKind = 'create' | 'rename' | 'append' | 'append-once' | 'foreign' | 'delete' | 'get';

/**
 * How an operation ended for its caller.
 *
 * - it happened: `created`, `updated`, `deleted`
 * - in doubt: `unknown`
 * - nothing happened: `found`, `absent`, `exists`, `not-found`, `conflict`, `unavailable`
 */
export type AccountOutcome =
  | 'created'
  | 'updated'
  | 'deleted'
  | 'unknown'
  | 'found'
  | 'absent'
  | 'exists'
  | 'not-found'
  | 'conflict'
  | 'unavailable';

export interface AccountOperation {
  readonly client: string;
  readonly user: string;
  /** As in history.ts. */
  readonly start: number;
  readonly end: number;
  readonly kind: AccountOperationKind;
  /** The token that it writes, or would. */
  readonly token?: string | undefined;
  readonly outcome: AccountOutcome;
  /** What a `get` found, or the last attempt of an append was based on. */
  readonly saw?: AccountState | undefined;
}

/** The client that looks at the end. */
export const OBSERVER = 'final';

/** Formats operations in the order of their ends: `m1 12..40 alice append t3: updated, saw t1: t1 t2`. */
export function formatAccounts(operations: readonly AccountOperation[]): string {
  return operations.map(formatAccount).join('\n');
}

export function formatAccount({ client, user, start, end, kind, token, outcome, saw }: AccountOperation): string {
  const what = token === undefined ? kind : `${kind} ${token}`;
  const seen = saw === undefined ? '' : `, saw ${saw.madeBy}: ${saw.name}`;
  return `${client} ${start}..${end} ${user} ${what}: ${outcome}${seen}`;
}

const OPERATION = /^(\S+) (\d+)\.\.(\d+) (\S+) (\S+?)(?: (\S+))?: ([a-z-]+)(?:, saw (\S+): (.+))?$/;

/** The inverse of `formatAccounts`. */
export function parseAccounts(text: string): AccountOperation[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .map((line) => {
      const parsed = OPERATION.exec(line);
      if (parsed === null) throw new Error(`this is no line of a history: ${line}`);
      const [, client = '', start, end, user = '', kind, token, outcome, madeBy, name] = parsed;
      return {
        client,
        user,
        start: Number(start),
        end: Number(end),
        kind: kind as AccountOperationKind,
        ...(token === undefined ? {} : { token }),
        outcome: outcome as AccountOutcome,
        ...(madeBy === undefined || name === undefined ? {} : { saw: { madeBy, name } }),
      };
    });
}
