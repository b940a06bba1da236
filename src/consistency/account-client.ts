import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { UserRepository } from '../users/repository.ts';
import type { UserItem, UserTable } from '../users/user-table.ts';
import type { AccountOperation, AccountOperationKind, AccountOutcome, AccountState } from './account-history.ts';

export interface PlannedAccountOperation {
  readonly kind: AccountOperationKind;
  readonly user: string;
  readonly token: string | undefined;
}

export interface AccountClientOptions {
  readonly name: string;
  /** The stack that settles its writes. */
  readonly table: UserTable;
  /** The table itself, for a foreign program without faults. */
  readonly memory: UserTable;
  readonly clock: Clock;
  readonly record: (operation: AccountOperation) => void;
}

interface Ending {
  readonly outcome: AccountOutcome;
}

const PAUSE_MS = 10;
const HALF_ROUND_TRIP_MS = 5;

/** Runs the operations of a plan in turn: with the repository, or on the table like the repository. */
export class AccountClient {
  readonly #options: AccountClientOptions;
  readonly #repository: UserRepository;
  #saw: AccountState | undefined;

  constructor(options: AccountClientOptions) {
    this.#options = options;
    this.#repository = new UserRepository(options.table, { clock: options.clock });
  }

  async run(plan: readonly PlannedAccountOperation[]): Promise<void> {
    const { name: client, clock, record } = this.#options;
    for (const { kind, user, token } of plan) {
      await clock.sleep(PAUSE_MS);
      this.#saw = undefined;
      const start = clock.monotonic();
      const { outcome } = await this.#operate(kind, user, token ?? '').catch((error: unknown) => told(error));
      record({
        client,
        user,
        start,
        end: clock.monotonic(),
        kind,
        ...(token === undefined ? {} : { token }),
        outcome,
        ...(this.#saw === undefined ? {} : { saw: this.#saw }),
      });
    }
  }

  async #operate(kind: AccountOperationKind, username: string, token: string): Promise<Ending> {
    switch (kind) {
      case 'create': {
        // Like an import: an existing hash avoids waiting for bcrypt.
        const outcome = await this.#repository.adopt({ username, name: token, passwordHash: token });
        return { outcome: outcome === 'created' ? 'created' : 'exists' };
      }
      case 'rename':
        await this.#repository.update(username, { name: token });
        return { outcome: 'updated' };
      case 'delete':
        await this.#repository.delete(username);
        return { outcome: 'deleted' };
      case 'get': {
        const item = await this.#options.table.get(username);
        this.#saw = item && stateOf(item);
        return { outcome: item === undefined ? 'absent' : 'found' };
      }
      case 'append':
        for (;;) {
          const ending = await this.#append(username, token);
          if (ending.outcome !== 'conflict') return ending;
        }
      case 'append-once':
        return this.#append(username, token);
      case 'foreign':
        return this.#foreign(username, token);
    }
  }

  async #append(username: string, token: string): Promise<Ending> {
    const { table, clock } = this.#options;
    const base = await table.get(username);
    if (base === undefined) return { outcome: 'not-found' };
    this.#saw = stateOf(base);
    const updatedAt = String(clock.now());
    return ended(await table.replace(base, { name: `${base.name} ${token}`, updatedAt }));
  }

  async #foreign(username: string, token: string): Promise<Ending> {
    const { memory, clock } = this.#options;
    await clock.sleep(HALF_ROUND_TRIP_MS);
    const base = await memory.get(username);
    if (base === undefined) return { outcome: 'not-found' };
    this.#saw = stateOf(base);
    await clock.sleep(2 * HALF_ROUND_TRIP_MS);
    const outcome = await memory.replace(base, { name: `${base.name} ${token}`, updatedAt: String(clock.now()) });
    await clock.sleep(HALF_ROUND_TRIP_MS);
    return ended(outcome);
  }
}

export function stateOf({ passwordHash = '', name = '' }: UserItem): AccountState {
  return { madeBy: passwordHash, name };
}

function ended({ kind }: { readonly kind: 'replaced' | 'absent' | 'conflict' | 'unknown' }): Ending {
  return { outcome: kind === 'replaced' ? 'updated' : kind === 'absent' ? 'not-found' : kind };
}

function told(error: unknown): Ending {
  if (!(error instanceof JavumboError)) throw error;
  switch (error.kind) {
    case 'not-found':
    case 'conflict':
    case 'unavailable':
    case 'unknown':
      return { outcome: error.kind };
    default:
      throw error;
  }
}
