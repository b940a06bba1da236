import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { UserRepository } from '../users/repository.ts';
import type { UserItem, UserTable } from '../users/user-table.ts';
import type { AccountOperationKind, AccountOutcome, AccountState } from './account-history.ts';

export interface PlannedAccountOperation {
  readonly kind: AccountOperationKind;
  readonly user: string;
  readonly token: string | undefined;
}

/** What an operation that is under way has found so far; it is filled in while it runs. */
export interface FoundAccount {
  saw?: AccountState;
}

export interface AccountClientOptions {
  /** The stack that settles its writes. */
  readonly table: UserTable;
  /** The table itself, for a foreign program without faults. */
  readonly memory: UserTable;
  readonly clock: Clock;
}

interface Ending {
  readonly outcome: AccountOutcome;
}

const HALF_ROUND_TRIP_MS = 5;

/** Runs operations on accounts: with the repository, or on the table like the repository. */
export class AccountClient {
  readonly #options: AccountClientOptions;
  readonly #repository: UserRepository;

  constructor(options: AccountClientOptions) {
    this.#options = options;
    this.#repository = new UserRepository(options.table, { clock: options.clock });
  }

  /** Runs one operation, and returns how it ended. Throws what must not occur. */
  async run({ kind, user, token = '' }: PlannedAccountOperation, found: FoundAccount): Promise<Ending> {
    try {
      return await this.#operate(kind, user, token, found);
    } catch (error) {
      return told(error);
    }
  }

  async #operate(kind: AccountOperationKind, username: string, token: string, found: FoundAccount): Promise<Ending> {
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
        if (item === undefined) return { outcome: 'absent' };
        found.saw = stateOf(item);
        return { outcome: 'found' };
      }
      case 'append':
        for (;;) {
          const ending = await this.#append(username, token, found);
          if (ending.outcome !== 'conflict') return ending;
        }
      case 'append-once':
        return this.#append(username, token, found);
      case 'foreign':
        return this.#foreign(username, token, found);
    }
  }

  async #append(username: string, token: string, found: FoundAccount): Promise<Ending> {
    const { table, clock } = this.#options;
    const base = await table.get(username);
    if (base === undefined) return { outcome: 'not-found' };
    found.saw = stateOf(base);
    const updatedAt = String(clock.now());
    return ended(await table.replace(base, { name: `${base.name} ${token}`, updatedAt }));
  }

  async #foreign(username: string, token: string, found: FoundAccount): Promise<Ending> {
    const { memory, clock } = this.#options;
    await clock.sleep(HALF_ROUND_TRIP_MS);
    const base = await memory.get(username);
    if (base === undefined) return { outcome: 'not-found' };
    found.saw = stateOf(base);
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
