import { requireAnkiTables } from '../anki/foreign-schema.ts';
import { addNote } from '../anki/note.ts';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import type { Random } from '../core/random.ts';
import type { UserDatabases } from '../databases/user-databases.ts';
import type { DeploymentData } from '../deployment/deployment.ts';
import type { FunctionTimings, Operation, ParsedRequest, ResultOf } from '../function/protocol.ts';
import { type SqlDatabase, type SqliteDatabase, tableCounts } from '../sqlite/engine.ts';
import { asDatabaseFailure } from '../sqlite/failure.ts';
import { selfcheck } from './selfcheck.ts';
import { KEPT_FILES, type TemporaryFiles } from './temporary-files.ts';

export interface OperationContext {
  readonly deployment: DeploymentData;
  readonly temporaryFiles: TemporaryFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly description: ResultOf<'ping'>;
  /** Called before each run of an edit, even one that fails. */
  readonly onAttempt: () => void;
}

/** An operation's result and the durations of its phases. */
export interface Done<O extends Operation> {
  readonly result: ResultOf<O>;
  readonly phases?: Pick<FunctionTimings, 'downloadMs' | 'queryMs' | 'uploadMs'>;
}

/** The function's default staleness of reads in seconds, if neither the call nor DB_CACHE_TTL sets one. */
export const CACHE_TTL_SECONDS = 300;

type Operations = {
  readonly [O in Operation]: (request: ParsedRequest<O>, context: OperationContext) => Promise<Done<O>>;
};

const operations: Operations = { ping, selfcheck: checkItself, read, write, cacheStats, cleanup };

/** Runs one operation. Throws its failure, as `JavumboError` unless it is a defect. */
export async function runOperation<O extends Operation>(
  request: ParsedRequest<O>,
  context: OperationContext,
): Promise<Done<O>> {
  const run = operations[request.operation as O] as (
    request: ParsedRequest<O>,
    context: OperationContext,
  ) => Promise<Done<O>>;
  try {
    return await run(request, context);
  } catch (error) {
    throw 'username' in request ? asDatabaseFailure(error, request.username) : error;
  }
}

async function ping(
  { holdMs }: ParsedRequest<'ping'>,
  { clock, description, deployment }: OperationContext,
): Promise<Done<'ping'>> {
  if (holdMs > 0) await clock.sleep(holdMs);
  const { bucket, usersTable, locksTable } = deployment.config;
  const names = { bucket: bucket.value ?? null, usersTable: usersTable.value, locksTable: locksTable.value };
  return { result: { ...description, deployment: names } };
}

async function checkItself({ run }: ParsedRequest<'selfcheck'>, context: OperationContext): Promise<Done<'selfcheck'>> {
  return { result: await selfcheck(run, context) };
}

async function read(request: ParsedRequest<'read'>, context: OperationContext): Promise<Done<'read'>> {
  const { username, noteId, guid } = request;
  const { clock } = context;
  const databases = databasesFor(request, context);
  const startedAt = clock.monotonic();
  let openedAt = startedAt;
  const result = await databases.read(username, ({ database, stored, fromCache }): ResultOf<'read'> => {
    openedAt = clock.monotonic();
    return {
      version: stored.version,
      sizeBytes: stored.sizeBytes,
      fromCache,
      tables: tableCounts(database),
      ...(noteId === undefined && guid === undefined ? {} : { note: findNote(database, noteId, guid) }),
    };
  });
  const endedAt = clock.monotonic();
  return { result, phases: { downloadMs: openedAt - startedAt, queryMs: endedAt - openedAt, uploadMs: 0 } };
}

async function write(request: ParsedRequest<'write'>, context: OperationContext): Promise<Done<'write'>> {
  const { username, fields, deck, tags, noteId, guid, retries } = request;
  const { clock, deployment } = context;
  const databases = databasesFor(request, context);
  const fromCache = request.cache !== 'bypass' && deployment.cache.lookup(username) !== undefined;
  const startedAt = clock.monotonic();
  let begunAt: number | undefined;
  let endedAt = startedAt;
  let sizeBeforeBytes = 0;
  const edit = (database: SqliteDatabase): ReturnType<typeof addNote> => {
    context.onAttempt();
    begunAt ??= clock.monotonic();
    sizeBeforeBytes = sizeOf(database);
    const added = addNote(database, { fields, deck, tags, noteId, guid }, context);
    endedAt = clock.monotonic();
    return added;
  };
  const { outcome, version, attempts, value } = await databases.update(username, edit, { retries });
  return {
    result: {
      outcome,
      version,
      attempts,
      noteId: value.noteId,
      guid: value.guid,
      fromCache,
      sizeBeforeBytes,
    },
    // With several attempts: until the first began, from there to the end of the last edit, and the rest.
    phases: {
      downloadMs: (begunAt ?? startedAt) - startedAt,
      queryMs: endedAt - (begunAt ?? startedAt),
      uploadMs: clock.monotonic() - endedAt,
    },
  };
}

async function cacheStats(_: ParsedRequest<'cacheStats'>, context: OperationContext): Promise<Done<'cacheStats'>> {
  const files = context.temporaryFiles.list();
  const entries = files.filter(({ kind }) => kind === 'cached-database');
  const [oldest] = entries;
  const ageMs = oldest === undefined ? undefined : context.clock.now() - oldest.lastUsedAt;
  return {
    result: {
      entryCount: entries.length,
      workingCopyCount: files.length - entries.length,
      sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
      oldestAgeSeconds: ageMs === undefined ? null : Math.max(0, Math.round(ageMs / 1000)),
      limits: { maxAgeSeconds: KEPT_FILES.ageMaxMs / 1000, maxBytes: KEPT_FILES.bytesMax },
    },
  };
}

async function cleanup(
  { everything }: ParsedRequest<'cleanup'>,
  { temporaryFiles }: OperationContext,
): Promise<Done<'cleanup'>> {
  return { result: temporaryFiles.clean({ everything }) };
}

/** Returns the databases with the call's caching. */
function databasesFor(
  request: ParsedRequest<'read'> | ParsedRequest<'write'>,
  { deployment }: OperationContext,
): UserDatabases {
  if (request.cache === 'drop') deployment.cache.invalidate(request.username);
  const caching = request.cache !== 'bypass';
  const stalenessSeconds = request.operation === 'read' ? request.stalenessSeconds : undefined;
  return deployment.databases({ cacheTtlDefault: CACHE_TTL_SECONDS, cacheTtl: stalenessSeconds, caching });
}

function findNote(
  database: SqlDatabase,
  noteId: number | undefined,
  guid: string | undefined,
): ResultOf<'read'>['note'] {
  requireAnkiTables(database);
  const row = (
    noteId === undefined
      ? database.prepare('SELECT id, guid, flds, tags FROM notes WHERE guid = ?').get(guid ?? '')
      : database.prepare('SELECT id, guid, flds, tags FROM notes WHERE id = ?').get(noteId)
  ) as { id: number; guid: unknown; flds: unknown; tags: unknown } | undefined;
  if (row === undefined || (guid !== undefined && row.guid !== guid)) return null;
  const strange = (['guid', 'flds', 'tags'] as const).find((column) => typeof row[column] !== 'string');
  if (strange !== undefined) {
    throw new JavumboError('corrupt', `column "${strange}" of note ${row.id} is not text, as Anki writes it`);
  }
  const { guid: found, flds, tags: stored } = row as Record<'guid' | 'flds' | 'tags', string>;
  const tags = stored.split(' ').filter((tag) => tag !== '');
  return { noteId: row.id, guid: found, fields: flds.split('\x1f'), tags };
}

function sizeOf(database: SqlDatabase): number {
  const { n } = database
    .prepare('SELECT page_count * page_size AS n FROM pragma_page_count(), pragma_page_size()')
    .get() as { n: number };
  return n;
}

/** Returns an operation's failure; anything but a `JavumboError` is a defect, reduced to its message. */
export function failureOf(error: unknown): JavumboError {
  if (error instanceof JavumboError) return error;
  return new JavumboError('internal', error instanceof Error ? `${error.name}: ${error.message}` : String(error), {
    cause: error,
  });
}
