import type { Command } from 'commander';
import { parsePositive } from '../../cli/arguments.ts';
import { type Cell, storedTimeCell } from '../../cli/cells.ts';
import type { View } from '../../cli/print.ts';
import { JavumboError } from '../../core/failure.ts';
import type { User, UserList } from '../../users/repository.ts';
import type { Execute, Invocation } from '../execute.ts';
import { openRepository } from './repository.ts';

interface ListOptions {
  readonly limit: number;
  readonly after?: string;
}

/** Users in pages, so that a pipe gets each page at once. */
interface Listing {
  readonly pages: AsyncIterable<UserList>;
}

export function registerUserList(parent: Command, execute: Execute): void {
  const command = parent
    .command('list')
    .description("list accounts in the table's order")
    .option('--limit <n>', 'at most so many', parsePositive, 100)
    .option('--after <username>', 'continue after that user: "next" of the last list')
    .addHelpText('after', '\nExample:\n  $ javumbo user list --limit 1000');
  command.action((options: ListOptions) => execute(command, (invocation) => userList(invocation, options), listView));
}

export async function userList(invocation: Invocation, { limit, after }: ListOptions): Promise<Listing> {
  if (after === '') {
    throw new JavumboError('usage', '--after is empty', { try: 'without --after, which lists from the beginning' });
  }
  const repository = await openRepository(invocation);
  return { pages: noting(repository.list({ limit, after }), invocation.note) };
}

/** Passes pages on, and notes at the end whether there are more users or none at all. */
async function* noting(pages: AsyncIterable<UserList>, note: (line: string) => void): AsyncGenerator<UserList> {
  let next: string | undefined;
  let count = 0;
  for await (const page of pages) {
    next = page.next;
    count += page.users.length;
    yield page;
  }
  if (next !== undefined) note(`note: there are more: --after '${next.replaceAll("'", `'\\''`)}'`);
  else if (count === 0) note('note: there are no users');
}

async function collected({ pages }: Listing): Promise<UserList> {
  const users: User[] = [];
  let next: string | undefined;
  for await (const page of pages) {
    users.push(...page.users);
    next = page.next;
  }
  return { users, next };
}

const listView: View<Listing> = {
  endsWithReader: true,
  json: async (listing) => {
    const { users, next } = await collected(listing);
    return { users, next: next ?? null };
  },
  lines: async function* ({ pages }) {
    for await (const { users } of pages) yield users.map(row);
  },
  table: async (listing) => ({
    head: ['username', 'name', 'created at', 'updated at'],
    rows: (await collected(listing)).users.map(row),
  }),
};

function row({ username, name, createdAt, updatedAt }: User): Cell[] {
  return [username, name, storedTimeCell(createdAt), storedTimeCell(updatedAt)];
}
