/** An account as somebody saw it: the token of the create that made it, and its name, which grows by tokens. */
export interface AccountState {
  readonly madeBy: string;
  readonly name: string;
}

/**
 * - `create` makes an account whose name is a token that no other operation has; `rename` sets its name to one.
 * - `append` reads the name and adds a token to it, again while others change it; `append-once` does not try again.
 * - `foreign` is an `append-once` by another program, which leaves write ids as they are.
 */
export type AccountOperationKind = 'create' | 'rename' | 'append' | 'append-once' | 'foreign' | 'delete' | 'get';

/**
 * How an operation ended, in the words of its caller.
 *
 * - it happened: `created`, `updated`, `deleted`
 * - nobody can tell: `unknown`
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
  /** In milliseconds of the simulation, both included. */
  readonly start: number;
  readonly end: number;
  readonly kind: AccountOperationKind;
  /** What it writes, or would. */
  readonly token?: string | undefined;
  readonly outcome: AccountOutcome;
  /** What a `get` found, and what an append built on: in its last attempt. */
  readonly saw?: AccountState | undefined;
}

/** Who looks when everything is over. */
export const OBSERVER = 'final';

/** `m1 12..40 alice append t3: updated, saw t1: t1 t2`. In the order of their ends. */
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
