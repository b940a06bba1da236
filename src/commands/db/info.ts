import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import { isoTime } from '../../core/format.ts';
import { keyOf, parseUsername } from '../../core/username.ts';
import type { ReadSession } from '../../databases/session.ts';
import type { Execute, Invocation } from '../execute.ts';
import { AT, type AtFlag } from './at-option.ts';
import { reportRead } from './outcome.ts';

export interface DatabaseInfo {
  readonly username: string;
  readonly key: string;
  readonly version: string;
  readonly sizeBytes: number;
  /** In milliseconds since 1970; ISO 8601 in JSON. */
  readonly lastModified: number;
  /** Rows of each table. */
  readonly tables: Readonly<Record<string, number>>;
  readonly integrity: 'ok';
}

export function registerDbInfo(parent: Command, execute: Execute): void {
  const command = parent
    .command('info <username>')
    .description("show the version, size, tables and health of a user's database")
    .option('--at <time>', AT)
    .addHelpText('after', '\nExample:\n  $ javumbo db info alice --json');
  command.action((username: string, { at }: AtFlag) =>
    execute(command, (invocation) => dbInfo(invocation, parseUsername(username), at), infoView),
  );
}

/** Throws `corrupt` for a damaged database. */
export async function dbInfo(invocation: Invocation, username: string, at?: string): Promise<DatabaseInfo> {
  const { quickCheck, tableCounts } = await import('../../sqlite/engine.ts');
  const look = ({ database, stored }: ReadSession): DatabaseInfo => {
    quickCheck(database);
    const { version, sizeBytes, lastModified } = stored;
    const tables = tableCounts(database);
    return { username, key: keyOf(username), version, sizeBytes, lastModified, tables, integrity: 'ok' };
  };
  return reportRead(invocation, username, look, at);
}

export const infoView: View<DatabaseInfo> = {
  json: (info) => ({ ...info, lastModified: isoTime(info.lastModified) }),
  fields: ({ username, key, version, sizeBytes, lastModified, integrity, tables }) => ({
    username,
    key,
    version,
    size: { bytes: sizeBytes },
    'last modified': { time: lastModified, suffix: 'UTC' },
    integrity,
    ...Object.fromEntries(Object.entries(tables).map(([table, rows]) => [`rows of ${table}`, rows])),
  }),
};
