import { createReadStream } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import type { Command } from 'commander';
import { JavumboError, messageOf } from '../../core/failure.ts';
import type { Selection } from '../../fleet/selection.ts';
import type { FleetTarget } from '../../fleet/target.ts';
import { accountsOf } from '../backup/deployment-accounts.ts';
import { parallelOption } from '../backup/outcomes.ts';
import type { Invocation } from '../execute.ts';

export interface SelectionFlags {
  readonly prefix?: string;
  readonly users?: string;
  readonly where?: string;
}

export interface OutputOptions {
  readonly jsonl?: boolean;
}

/** Adds the options that select users. */
export function selectionOptions(command: Command): Command {
  return command
    .option('--prefix <text>', 'users whose names begin with it')
    .option('--users <file>', 'these users, one a line; - for standard input')
    .option('--where <sql>', 'users in whose database this query is true');
}

/** Adds the options of all commands over many users. */
export function fleetOptions(command: Command): Command {
  return command.addOption(parallelOption()).option('--jsonl', 'print each user as a line of JSON as it ends');
}

/** Returns which users are selected, and the names if they are given. Throws `usage` for what selects nobody. */
export async function selectionOf(
  { context, config }: Invocation,
  { prefix, users, where }: SelectionFlags,
): Promise<{ readonly selection: Omit<Selection, 'named'>; readonly users: AsyncIterable<string> | undefined }> {
  if (where !== undefined) {
    const [{ splitStatements }, { refuseUnparsable }, { sqliteEngine }] = await Promise.all([
      import('../../sqlite/statements.ts'),
      import('../../sqlite/sql.ts'),
      import('../../sqlite/choose-engine.ts'),
    ]);
    const refuse = (what: string, cause?: unknown): JavumboError =>
      new JavumboError('usage', what, { try: "--where 'SELECT count(*) > 0 FROM notes'", cause });
    const [query, ...more] = splitStatements(where);
    if (query === undefined || more.length > 0) throw refuse('--where takes one query');
    try {
      refuseUnparsable(await sqliteEngine(config.sqliteEngine.value), [query]);
    } catch (error) {
      throw error instanceof JavumboError && error.kind === 'usage'
        ? refuse(`--where: ${error.message}`, error)
        : error;
    }
    if (WRITES.includes(query.verb)) throw refuse(`--where only reads, and ${query.verb} does not`);
  }
  return {
    selection: { ...(prefix === undefined ? {} : { prefix }), ...(where === undefined ? {} : { where }) },
    users: users === undefined ? undefined : namesIn(users, context.stdin),
  };
}

// What SQLite says of others only where the tables are.
const WRITES = ['INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'ALTER'];

// Far more than a username has.
const LINE_LENGTH_MAX = 10_000;

/** Yields the lines of a file, without those that are empty. */
async function* namesIn(file: string, stdin: NodeJS.ReadableStream | undefined): AsyncGenerator<string> {
  const refuse = (why: string, cause?: unknown): JavumboError =>
    new JavumboError('usage', `--users ${file}: ${why}`, { try: 'a file with a username on each line', cause });
  if (file === '-' && stdin === undefined) throw refuse('there is no standard input');
  const input = file === '-' && stdin !== undefined ? stdin : createReadStream(file);
  let rest = '';
  try {
    // Node decodes a character that two chunks share.
    input.setEncoding('utf8');
    for await (const chunk of input) {
      const lines = `${rest}${chunk}`.split(/\r?\n/);
      rest = lines.pop() ?? '';
      yield* lines.filter((line) => line !== '');
      if (rest.length > LINE_LENGTH_MAX) break;
    }
  } catch (error) {
    throw refuse(messageOf(error), error);
  }
  if (rest !== '') yield rest;
}

/** Opens the deployment as the fleet's core wants it. */
export async function targetOf(invocation: Invocation, accounts: 'accounts' | 'no accounts'): Promise<FleetTarget> {
  const { sqliteEngine } = await import('../../sqlite/choose-engine.ts');
  // The space for young objects would grow to 48 MB, however short they live: over 6,000 users the peak was 142 MB with
  // that, and 99 MB without.
  setFlagsFromString('--semi-space-growth-factor=1');
  // Where little is allocated, the old objects would grow to four times what is live before any is collected: fleet undo of
  // 10,000 users took 51 MB more than of one.
  setFlagsFromString('--heap-growing-percent=50');
  const deployment = await invocation.deployment();
  const { kind, bucket, region, endpoint } = deployment.description;
  return {
    deployment: { kind, bucket, region, endpoint, id: deployment.identity },
    store: deployment.store,
    databases: (beforePut) =>
      deployment.databases({ cacheTtlDefault: 0, cacheTtl: 0, caching: false, groupCommit: false, beforePut }),
    users: accounts === 'accounts' ? await accountsOf(deployment) : undefined,
    objects: () => deployment.objects(),
    sqlite: () => sqliteEngine(invocation.config.sqliteEngine.value),
    workDirectory: () => deployment.cache.workDirectory(),
  };
}
