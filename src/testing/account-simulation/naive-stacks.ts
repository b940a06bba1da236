import type { AccountAnomalyName } from '../../consistency/account-rules.ts';
import { JavumboError } from '../../core/failure.ts';
import { Retries, type RetriesOptions } from '../../core/retry.ts';
import { type LookReason, settledWrite } from '../../core/settled-write.ts';
import { settle, settleDelete, writesOver } from '../../store/write-ids.ts';
import { RetryingUserTable } from '../../users/retrying-user-table.ts';
import {
  type ChangeOutcome,
  type PutUserOutcome,
  sameItem,
  type UserChanges,
  type UserItem,
  type UserPage,
  type UserTable,
  writtenOf,
} from '../../users/user-table.ts';
import type { AccountStack } from './simulate.ts';

/** A plausible but wrong way to settle writes of accounts, and its consequence. */
export interface NaiveAccounts {
  readonly name: string;
  readonly violates: string;
  readonly stack: AccountStack;
  /** Its characteristic anomalies, whatever others follow. */
  readonly caughtBy: readonly AccountAnomalyName[];
  /** The profile in which it shows. */
  readonly profile: string;
}

export const NAIVE_ACCOUNTS: readonly NaiveAccounts[] = [
  {
    name: 'a refusal is believed without a look',
    violates: 'what is told exists or conflict has no effect, and what is tried again has one',
    stack: twisted({ believesRefusals: true }),
    caughtBy: ['denied', 'doubled'],
    profile: 'repeated requests',
  },
  {
    name: 'a create in doubt is sent again over nothing',
    violates: 'whom somebody deleted stays deleted',
    stack: twisted({ create: (_own, _item, seen, settled) => (seen === undefined ? 'resend' : settled) }),
    caughtBy: ['resurrected'],
    profile: 'made and deleted',
  },
  {
    name: 'equal attributes are one’s own, and others are somebody else’s',
    violates: 'what is told conflict has no effect, also where others have written on top',
    stack: twisted({ change: byAttributes }),
    caughtBy: ['doubled'],
    profile: 'lost replies',
  },
  {
    name: 'throttled means that nothing happened',
    violates: 'what is told unavailable has no effect',
    stack: twisted({ believesThrottles: true }),
    caughtBy: ['denied'],
    profile: 'a busy table that repeats',
  },
  {
    name: 'unknown is unavailable',
    violates: 'what is told unavailable has no effect',
    stack: (network, options) => new Denying(new RetryingUserTable(network, options)),
    caughtBy: ['denied'],
    profile: 'late creates too, and no patience',
  },
];

type Judgement = 'committed' | 'resend' | 'conflict' | 'unknown' | 'absent';

interface Twist {
  readonly believesRefusals?: boolean;
  readonly believesThrottles?: boolean;
  /** Receives the sound judgement. */
  readonly create?: (own: string, item: UserItem, seen: UserItem | undefined, settled: Judgement) => Judgement;
  readonly change?: (
    base: UserItem,
    changes: UserChanges | undefined,
    seen: UserItem | undefined,
    settled: Judgement,
  ) => Judgement;
}

function twisted(twist: Twist): AccountStack {
  return (network, options) => new TwistedUserTable(network, options, twist);
}

function byAttributes(
  base: UserItem,
  changes: UserChanges | undefined,
  seen: UserItem | undefined,
  settled: Judgement,
): Judgement {
  if (changes === undefined || seen === undefined) return settled;
  const { name = base.name, passwordHash = base.passwordHash, updatedAt } = changes;
  const { writes } = seen;
  if (sameItem(seen, { ...base, name, passwordHash, updatedAt, writes })) return 'committed';
  return sameItem(seen, base) ? 'resend' : 'conflict';
}

/** retrying-user-table.ts with one difference. */
class TwistedUserTable implements UserTable {
  readonly #inner: UserTable;
  readonly #sound: UserTable;
  readonly #options: RetriesOptions;
  readonly #twist: Twist;

  constructor(inner: UserTable, options: RetriesOptions, twist: Twist) {
    this.#inner = inner;
    this.#sound = new RetryingUserTable(inner, options);
    this.#options = options;
    this.#twist = twist;
  }

  get(username: string): Promise<UserItem | undefined> {
    return this.#sound.get(username);
  }

  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage> {
    return this.#sound.page(options);
  }

  putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    const own = this.#options.random.hex(16);
    const carrying = { ...item, writes: writesOver(undefined, own, 8) };
    return this.#settled<PutUserOutcome, 'created' | 'exists'>(
      item.username,
      () => this.#inner.putIfAbsent(carrying),
      { done: 'created', refused: 'exists' },
      (seen, reason) => {
        const settled = settle(own, undefined, seen && writtenOf(seen), reason);
        return this.#twist.create?.(own, item, seen, settled) ?? settled;
      },
    );
  }

  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    const own = this.#options.random.hex(16);
    const carrying = { ...changes, writes: writesOver(writtenOf(base), own, 8) };
    return this.#settled<ChangeOutcome<'replaced'>, 'replaced' | 'conflict'>(
      base.username,
      () => this.#inner.replace(base, carrying),
      { done: 'replaced', refused: 'conflict' },
      (seen, reason) => {
        const settled = settle(own, writtenOf(base), seen && writtenOf(seen), reason);
        return this.#twist.change?.(base, changes, seen, settled) ?? settled;
      },
    );
  }

  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    return this.#settled<ChangeOutcome<'deleted'>, 'deleted' | 'conflict'>(
      base.username,
      () => this.#inner.delete(base),
      { done: 'deleted', refused: 'conflict' },
      (seen, reason) => settleDelete(undefined, writtenOf(base), seen && writtenOf(seen), reason),
    );
  }

  #settled<Outcome extends PutUserOutcome | ChangeOutcome<string>, Kind extends string>(
    username: string,
    send: () => Promise<Outcome>,
    { done, refused }: { readonly done: Kind; readonly refused: Kind },
    judge: (seen: UserItem | undefined, reason: LookReason) => Judgement,
  ): Promise<Outcome> {
    const { believesRefusals = false, believesThrottles = false } = this.#twist;
    return settledWrite<{ readonly kind: string }, { readonly item: UserItem | undefined }>(
      {
        send,
        refusal: ({ kind }) => (kind === 'absent' ? 'absence' : kind === refused ? 'refusal' : undefined),
        callerLooks: believesRefusals,
        look: async () => ({ item: await this.get(username) }),
        judge: ({ item }, reason) => {
          const judged = believesThrottles && reason === 'throttle' ? 'resend' : judge(item, reason);
          if (judged === 'committed') return { kind: done };
          if (judged === 'resend' || judged === 'unknown') return judged;
          return { kind: item === undefined ? 'absent' : refused };
        },
      },
      new Retries(this.#options),
    ) as Promise<Outcome>;
  }
}

/** Reports doubtful outcomes as if nothing had happened. */
class Denying implements UserTable {
  readonly #sound: UserTable;

  constructor(sound: UserTable) {
    this.#sound = sound;
  }

  get(username: string): Promise<UserItem | undefined> {
    return this.#sound.get(username);
  }

  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage> {
    return this.#sound.page(options);
  }

  async putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    return denied(await this.#sound.putIfAbsent(item));
  }

  async replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    return denied(await this.#sound.replace(base, changes));
  }

  async delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    return denied(await this.#sound.delete(base));
  }
}

function denied<Outcome extends { readonly kind: string }>(outcome: Outcome): Outcome {
  if (outcome.kind === 'unknown') throw new JavumboError('unavailable', 'no answer');
  return outcome;
}
