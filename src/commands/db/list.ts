import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { withProgress } from '../../cli/progress.ts';
import { isoTime } from '../../core/format.ts';
import { type ListedDatabase, listPages } from '../../store/database-store.ts';
import type { Execute, Invocation } from '../execute.ts';

export function registerDbList(parent: Command, execute: Execute): void {
  const command = parent
    .command('list')
    .description('list all user databases')
    .addHelpText('after', '\nExample:\n  $ javumbo db list');
  command.action(() => execute(command, dbList, listView));
}

export async function dbList(invocation: Invocation): Promise<{ databases: ListedDatabase[] }> {
  const { store } = await invocation.deployment();
  const databases: ListedDatabase[] = [];
  let foreignKeys = 0;
  await withProgress(invocation, async (progress) => {
    progress.show('listing databases');
    for await (const page of listPages(store)) {
      databases.push(...page.databases);
      foreignKeys += page.foreignKeys;
      progress.show(`listing databases: ${databases.length} so far`);
    }
  });
  if (foreignKeys > 0) invocation.note(`note: ${foreignKeys} keys under user_dbs/ are not user databases`);
  return { databases };
}

export const listView: View<{ databases: ListedDatabase[] }> = {
  json: ({ databases }) => ({
    databases: databases.map((database) => ({ ...database, lastModified: isoTime(database.lastModified) })),
  }),
  table: ({ databases }) => ({
    head: ['username', 'size', 'last modified (UTC)', 'version'],
    rows: databases.map(({ username, sizeBytes, lastModified, version }) => [
      username,
      { bytes: sizeBytes },
      { time: lastModified },
      version,
    ]),
  }),
  text: ({ databases }) => (databases.length === 0 ? 'no databases' : ''),
};
