import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import { Retries, type RetriesOptions } from '../core/retry.ts';
import { settledWrite } from '../core/settled-write.ts';
import { settle, settleDelete, writesOver } from '../store/write-ids.ts';
import {
  type ChangeOutcome,
  type PutUserOutcome,
  type UserChanges,
  type UserItem,
  type UserPage,
  type UserTable,
  writtenOf,
} from './user-table.ts';

// An item of up to 1 KB costs one write unit; eight ids keep it well below.
const LISTED_MAX = 8;

interface Read {
  readonly item: UserItem | undefined;
}

/**
 * Retries failed requests, and settles writes in doubt by write ids, like databases (core/settled-write.ts,
 * store/write-ids.ts). It adds the ids itself: each change carries its own before those of the item that it changes,
 * and compares those too, so that no item ever returns to an earlier state.
 *
 * A create in doubt is never resent if there is no account: it may have landed and been deleted since, and resending it
 * would restore a deleted user. A delete leaves nothing that carries its id, so `deleted` means that the item its
 * caller read no longer exists.
 */
export class RetryingUserTable implements UserTable {
  readonly #inner: UserTable;
  readonly #retries: Retries;
  readonly #random: Random;

  constructor(inner: UserTable, options: RetriesOptions) {
    this.#inner = inner;
    this.#retries = new Retries(options);
    this.#random = options.random;
  }

  get(username: string): Promise<UserItem | undefined> {
    return this.#retries.repeated(() => this.#inner.get(username));
  }

  page(options: { readonly limit: number; readonly after?: string | undefined }): Promise<UserPage> {
    return this.#retries.repeated(() => this.#inner.page(options));
  }

  async putIfAbsent(item: UserItem): Promise<PutUserOutcome> {
    // A caller that must name the item without reading it brings its own list.
    const [own, ...before] = item.writes ?? writesOver(undefined, this.#random.hex(16), LISTED_MAX);
    if (own === undefined) throw new JavumboError('internal', `create user "${item.username}" without a write id`);
    const carrying = { ...item, writes: [own, ...before] };
    let refusedBy: UserItem | undefined;
    return settledWrite<PutUserOutcome, Read>(
      {
        send: async () => {
          const outcome = await this.#inner.putIfAbsent(carrying);
          refusedBy = outcome.kind === 'exists' ? outcome.current : undefined;
          return outcome;
        },
        refusal: ({ kind }) => (kind === 'exists' ? 'refusal' : undefined),
        callerLooks: false,
        look: async () => ({ item: refusedBy ?? (await this.get(item.username)) }),
        judge: ({ item: current }, reason) => {
          switch (settle(own, undefined, current && writtenOf(current), reason)) {
            case 'committed':
              return { kind: 'created' };
            case 'conflict':
              return { kind: 'exists' };
            case 'resend':
              return 'resend';
            case 'unknown':
              return 'unknown';
          }
        },
      },
      this.#retries,
    );
  }

  replace(base: UserItem, changes: UserChanges): Promise<ChangeOutcome<'replaced'>> {
    const own = this.#random.hex(16);
    const before = writtenOf(base);
    const carrying = { ...changes, writes: writesOver(before, own, LISTED_MAX) };
    return this.#changed<'replaced'>(
      base.username,
      () => this.#inner.replace(base, carrying),
      'replaced',
      (current, reason) => settle(own, before, current && writtenOf(current), reason),
    );
  }

  delete(base: UserItem): Promise<ChangeOutcome<'deleted'>> {
    const before = writtenOf(base);
    return this.#changed<'deleted'>(
      base.username,
      () => this.#inner.delete(base),
      'deleted',
      (current, reason) => settleDelete(undefined, before, current && writtenOf(current), reason),
    );
  }

  #changed<Done extends 'replaced' | 'deleted'>(
    username: string,
    send: () => Promise<ChangeOutcome<Done>>,
    done: Done,
    settlement: (
      current: UserItem | undefined,
      reason: Parameters<typeof settle>[3],
    ) => ReturnType<typeof settle> | ReturnType<typeof settleDelete>,
  ): Promise<ChangeOutcome<Done>> {
    // An item that the table returned with its refusal need not be read again.
    let read: Read | undefined;
    return settledWrite<ChangeOutcome<Done>, Read>(
      {
        send: async () => {
          read = undefined;
          const outcome = await send();
          if (outcome.kind === 'absent') read = { item: undefined };
          if (outcome.kind === 'conflict' && 'current' in outcome && outcome.current !== undefined) {
            read = { item: outcome.current };
          }
          return outcome;
        },
        refusal: ({ kind }) => (kind === 'absent' ? 'absence' : kind === 'conflict' ? 'refusal' : undefined),
        callerLooks: false,
        look: async () => read ?? { item: await this.get(username) },
        judge: ({ item: current }, reason) => {
          switch (settlement(current, reason)) {
            case 'committed':
              return { kind: done };
            case 'conflict':
              return { kind: current === undefined ? 'absent' : 'conflict' };
            case 'absent':
              return { kind: 'absent' };
            case 'resend':
              return 'resend';
            case 'unknown':
              return 'unknown';
          }
        },
      },
      this.#retries,
    );
  }
}
