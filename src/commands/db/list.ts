import { type Command, Option } from 'commander';
import { parsePositive } from '../../cli/arguments.ts';
import { versionCell } from '../../cli/cells.ts';
import type { View } from '../../cli/print.ts';
import { withProgress } from '../../cli/progress.ts';
import { JavumboError } from '../../core/failure.ts';
import { isoTime } from '../../core/format.ts';
import { keyOf, USER_DATABASES_PREFIX } from '../../core/username.ts';
import { type ListedDatabase, listPages } from '../../store/database-store.ts';
import type { Execute, Invocation } from '../execute.ts';

interface ListOptions {
  readonly prefix?: string;
  readonly sort: keyof typeof ORDERS;
  readonly limit?: number;
  readonly after?: string;
}

interface Listing {
  readonly databases: readonly ListedDatabase[];
  /** The username from which the list goes on; null at its end. */
  readonly next: string | null;
}

/** As the store orders its keys. */
const byName = (one: { username: string }, other: { username: string }): number =>
  keyOf(one.username) < keyOf(other.username) ? -1 : one.username === other.username ? 0 : 1;

const ORDERS = {
  name: byName,
  size: (one: ListedDatabase, other: ListedDatabase): number => other.sizeBytes - one.sizeBytes || byName(one, other),
  modified: (one: ListedDatabase, other: ListedDatabase): number =>
    other.lastModified - one.lastModified || byName(one, other),
};

export function registerDbList(parent: Command, execute: Execute): void {
  const command = parent
    .command('list')
    .description('list user databases')
    .option('--prefix <text>', 'only of users whose name begins so')
    .addOption(
      new Option('--sort <order>', 'name, size (largest first) or modified (newest first)')
        .choices(Object.keys(ORDERS))
        .default('name'),
    )
    .option('--limit <n>', 'at most so many', parsePositive)
    .option('--after <username>', 'continue after that user: "next" of the last list')
    .addHelpText('after', '\nExample:\n  $ javumbo db list --sort size --limit 10');
  command.action((options: ListOptions) => execute(command, (invocation) => dbList(invocation, options), listView));
}

async function dbList(invocation: Invocation, { prefix = '', sort, limit, after }: ListOptions): Promise<Listing> {
  const { store } = await invocation.deployment();
  const found: ListedDatabase[] = [];
  let foreignKeys = 0;
  // Pages come in the order of names, so their end need not be asked for, nor their beginning kept.
  const inOrder = sort === 'name';
  const isBefore = (database: ListedDatabase): boolean =>
    inOrder && after !== undefined && byName(database, { username: after }) <= 0;
  const enough = (): boolean => inOrder && limit !== undefined && found.length > limit;
  await withProgress(invocation, async (progress) => {
    progress.show('listing databases');
    for await (const page of listPages(store, prefix)) {
      for (const database of page.databases) if (!isBefore(database)) found.push(database);
      foreignKeys += page.foreignKeys;
      if (enough()) break;
      progress.show(`listing databases: ${found.length} so far`);
    }
  });
  // Of a part of the list it would be a part of the truth.
  if (foreignKeys > 0 && prefix === '' && !enough()) {
    invocation.note(`note: ${foreignKeys} keys under ${USER_DATABASES_PREFIX} are not user databases`);
  }
  found.sort(ORDERS[sort]);
  const rest = after === undefined || inOrder ? found : found.slice(placeAfter(found, after));
  const databases = rest.slice(0, limit);
  const next = databases.length < rest.length ? (databases.at(-1)?.username ?? null) : null;
  if (next !== null) invocation.note(`note: there are more: --after ${next}`);
  return { databases, next };
}

function placeAfter(found: readonly ListedDatabase[], after: string): number {
  const place = found.findIndex(({ username }) => username === after);
  if (place !== -1) return place + 1;
  // The user of the last page may be gone by now. Only among names is the place known all the same.
  throw new JavumboError('not-found', `user "${after}" is not in the list any more, so its place is not known`, {
    try: 'without --after',
  });
}

export const listView: View<Listing> = {
  json: ({ databases, next }) => ({
    databases: databases.map((database) => ({ ...database, lastModified: isoTime(database.lastModified) })),
    next,
  }),
  table: ({ databases }) => ({
    head: ['username', 'size', 'last modified (UTC)', 'version'],
    rows: databases.map(({ username, sizeBytes, lastModified, version }) => [
      username,
      { bytes: sizeBytes },
      { time: lastModified },
      versionCell(version),
    ]),
  }),
  text: ({ databases }) => (databases.length === 0 ? 'no databases' : ''),
};
