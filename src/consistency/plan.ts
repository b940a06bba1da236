import type { Random } from '../core/random.ts';
import type { AccountOperationKind } from './account-history.ts';
import type { OperationKind } from './history.ts';

/**
 * What is done to a user's database. Each role lets other rules judge: appends alone have one order from the first to the
 * last; a restore brings old content back, a delete nothing, and another program the very bytes of an old version.
 */
export type Role = 'append' | 'restore' | 'create and delete' | 'another program';

const ROLES: readonly Role[] = ['append', 'create and delete', 'restore', 'another program'];

/** Returns the role of a user by number. */
export function roleOf(number: number): Role {
  return ROLES[number % ROLES.length] as Role;
}

type Weights = Readonly<Partial<Record<OperationKind, number>>>;

const WEIGHTS: Readonly<Record<Role, Weights>> = {
  append: { append: 8, read: 4, push: 2, session: 2, 'no-op': 1 },
  restore: { append: 5, read: 4, push: 1, restore: 3, 'no-op': 1 },
  'create and delete': { create: 4, delete: 4, 'append-or-create': 2, append: 2, read: 4 },
  // Of another program's own writes S3 cannot rule out that they hide one of ours: docs/consistency.md.
  'another program': { append: 5, read: 4, 'foreign-restore': 1 },
};

const SABOTAGED: Weights = { append: 4, session: 3, read: 1 };

type AccountWeights = Readonly<Partial<Record<AccountOperationKind, number>>>;

const ACCOUNT_WEIGHTS: Readonly<Record<'kept' | 'made and deleted', AccountWeights>> = {
  kept: { append: 4, 'append-once': 3, rename: 1, get: 3 },
  'made and deleted': { create: 4, delete: 3, append: 2, 'append-once': 1, get: 3 },
};

export type Planned = { readonly user: string; readonly value: string | undefined } & (
  | { readonly about: 'database'; readonly kind: OperationKind; readonly retries: number }
  | { readonly about: 'account'; readonly kind: AccountOperationKind }
);

const WITHOUT_VALUE: readonly string[] = ['no-op', 'read', 'restore', 'foreign-restore', 'delete', 'get'];
const RETRIES = [0, 1, 10];
const ACCOUNT_SHARE = 0.25;

export interface PlanOptions {
  /** In the order of their roles. */
  readonly users: readonly string[];
  /** A number that no other client of the run has: it makes its values unique. */
  readonly client: number;
  readonly accounts: boolean;
  readonly sabotaged: boolean;
  /** A wrong client is among them: every other operation is on the user that it works on. */
  readonly isFocused: boolean;
  readonly random: Random;
}

/** Decides what a client does next, at random. */
export class Plan {
  readonly #options: PlanOptions;
  #values = 0;

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  next(): Planned {
    const { users, accounts, sabotaged, isFocused, random } = this.#options;
    const number = isFocused && random.fraction() < 0.5 ? 0 : Math.floor(random.fraction() * users.length);
    const user = users[number] as string;
    const role = roleOf(number);
    // A wrong client goes where the rules see the most.
    if (sabotaged) return this.#database(users[0] as string, SABOTAGED);
    if (accounts && random.fraction() < ACCOUNT_SHARE) {
      const kind = picked(ACCOUNT_WEIGHTS[accountsAreKept(role) ? 'kept' : 'made and deleted'], random);
      return { about: 'account', user, kind, value: this.#valueFor(kind) };
    }
    return this.#database(user, WEIGHTS[role]);
  }

  #database(user: string, weights: Weights): Planned {
    const { random } = this.#options;
    const kind = picked(weights, random);
    const retries = RETRIES[Math.floor(random.fraction() * RETRIES.length)] as number;
    return { about: 'database', user, kind, retries, value: this.#valueFor(kind) };
  }

  #valueFor(kind: string): string | undefined {
    return WITHOUT_VALUE.includes(kind) ? undefined : `v${this.#options.client}.${++this.#values}`;
  }
}

/** True if the account of a user with this role is there from the beginning, and never deleted. */
export function accountsAreKept(role: Role): boolean {
  return role !== 'create and delete';
}

function picked<K extends string>(weights: Readonly<Partial<Record<K, number>>>, random: Random): K {
  const kinds = (Object.entries(weights) as [K, number][]).flatMap(([kind, weight]) => new Array<K>(weight).fill(kind));
  return kinds[Math.floor(random.fraction() * kinds.length)] as K;
}
