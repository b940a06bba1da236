import type { View } from '../../cli/print.ts';
import { countsSince, type RequestCounts } from '../../core/usage.ts';
import type { ReadSession } from '../../databases/session.ts';
import type { UserDatabases } from '../../databases/user-databases.ts';
import type { Deployment } from '../../deployment/deployment.ts';
import { asDatabaseFailure } from '../../sqlite/failure.ts';
import type { Version } from '../../store/database-store.ts';
import type { Invocation } from '../execute.ts';

/** What every write of a database reports. `requests` includes retries. */
export interface WriteReport {
  readonly username: string;
  readonly outcome: 'committed' | 'unchanged';
  readonly version: Version;
  readonly attempts: number;
  readonly requests: Omit<RequestCounts, 'bytesUp' | 'bytesDown'>;
  readonly changes?: number;
  readonly noteId?: number;
  /** What is doubtful about a file that was stored; absent if nothing is. */
  readonly warnings?: readonly string[];
}

// Operators want the current state: every read asks the store whether the cached version is current.
const OPERATOR_CACHE_TTL = 0;

/** Opens the user databases for an operator: always current, and for SQL that may take any time. */
export function operatorDatabases(deployment: Deployment, { context }: Invocation): UserDatabases {
  return deployment.databases({ cacheTtlDefault: OPERATOR_CACHE_TTL, runBlocking: context.runBlocking });
}

/** Runs a write, and counts its requests. */
export async function reportWrite(
  invocation: Invocation,
  username: string,
  write: (databases: UserDatabases, deployment: Deployment) => Promise<Omit<WriteReport, 'username' | 'requests'>>,
): Promise<WriteReport> {
  const deployment = await invocation.deployment();
  const before = deployment.usage().store;
  const written = write(operatorDatabases(deployment, invocation), deployment);
  const { outcome, version, attempts, ...more } = await naming(username, written);
  const { bytesUp: _up, bytesDown: _down, ...requests } = countsSince(before, deployment.usage().store);
  return { username, outcome, version, attempts, requests, ...more };
}

/** Runs `query` on the current version, or on the one that `--at` names. */
export async function reportRead<T>(
  invocation: Invocation,
  username: string,
  query: (session: ReadSession) => T,
  at?: string,
): Promise<T> {
  const { value, session } = await holdForReading(invocation, username, query, at);
  session.close();
  return value;
}

/** Like `reportRead`, but leaves the session open, for what `query` has only begun. */
export async function holdForReading<T>(
  invocation: Invocation,
  username: string,
  query: (session: ReadSession) => T,
  at: string | undefined,
): Promise<{ readonly value: T; readonly session: ReadSession }> {
  const deployment = await invocation.deployment();
  const databases = operatorDatabases(deployment, invocation);
  const point = at === undefined ? undefined : await (await import('./at.ts')).pointId(deployment, username, at);
  const held = databases.hold(username, query, { point }).catch(async (error: unknown) => {
    const { NewerSchemaError } = await import('../../anki/refuse-newer-schema.ts');
    if (!(error instanceof NewerSchemaError)) throw error;
    const { holdNewer } = await import('./hold-newer.ts');
    return holdNewer(invocation, databases, username, query, point);
  });
  return naming(username, held);
}

/** What the user's own schema does is not this program's defect, whichever command meets it. */
function naming<T>(username: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw asDatabaseFailure(error, username);
  });
}

export const writeView: View<WriteReport> = {
  json: ({ username: _, ...report }) => report,
  fields: ({ username, outcome, version, noteId, changes, attempts, requests }) => ({
    username,
    outcome,
    version,
    note: noteId,
    'rows changed': changes,
    attempts,
    requests: summary(requests),
  }),
};

function summary(requests: WriteReport['requests']): string {
  const made = Object.entries(requests).filter(([, count]) => count > 0);
  return made.length === 0 ? 'none' : made.map(([name, count]) => `${count} ${name.toUpperCase()}`).join(', ');
}
