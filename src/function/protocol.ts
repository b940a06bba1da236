// A namespace import, which a bundler can trim; `{ z }` would add 350 KB of locales to the function.
import * as z from 'zod';
import { isUsername } from '../core/username.ts';

/**
 * The function's requests and answers. Operations have names, and none takes SQL: whoever may invoke the function can
 * add a note but not drop a table.
 */

const username = z.string().refine(isUsername, 'it is not a username');
/** `use` the container's cache; `bypass` it, neither reading nor writing it; `drop` the user's entries first. */
const cache = z.enum(['use', 'bypass', 'drop']).default('use');
/** The allowed staleness in seconds; absent: the function's default. 0: ask the store. */
const staleness = z.number().min(0).max(86_400);

const EDITS_MAX = 1_000;
/** The longest that `ping` keeps its container busy, in milliseconds. */
export const HOLD_MAX_MS = 10_000;

export const requestSchema = z.discriminatedUnion('operation', [
  z.strictObject({
    operation: z.literal('ping'),
    /** How long to stay busy, in milliseconds, so that concurrent calls need separate containers. */
    holdMs: z.int().min(0).max(HOLD_MAX_MS).default(0),
  }),
  z.strictObject({
    operation: z.literal('selfcheck'),
    /** The run id in the test data's names, by which a clean-up finds leftovers. */
    run: z.string().regex(/^[0-9a-f]{6,32}$/),
  }),
  z.strictObject({
    operation: z.literal('read'),
    username,
    cache,
    stalenessSeconds: staleness.optional(),
    /** The note to return; absent: only counts. */
    noteId: z.int().min(1).optional(),
    guid: z.string().min(1).max(64).optional(),
  }),
  z.strictObject({
    operation: z.literal('write'),
    username,
    cache,
    fields: z.array(z.string().max(1_000_000)).min(1).max(100),
    deck: z.string().max(1_000).optional(),
    tags: z.array(z.string().max(200)).max(100).optional(),
    noteId: z.int().min(1).optional(),
    /** Identifies the note, so that a caller without an answer can ask whether it exists. */
    guid: z.string().min(1).max(64),
    /** How often adding is retried after a conflict. */
    retries: z.int().min(0).max(EDITS_MAX).default(20),
  }),
  z.strictObject({ operation: z.literal('cacheStats') }),
  z.strictObject({
    operation: z.literal('cleanup'),
    /** Removes every cached database, whatever its age. */
    everything: z.boolean().default(false),
  }),
]);

const count = z.int().min(0);
const duration = z.number().min(0);

const containerSchema = z.object({
  /** Unique to this process. */
  id: z.string(),
  /** False for the first call of this process. */
  warm: z.boolean(),
  /** Calls so far, including this one. */
  invocations: count,
  /** From process start to readiness. */
  initMs: duration,
});

const timingsSchema = z.object({
  /** Until the database was open, including a GET if one was needed. */
  downloadMs: duration.optional(),
  /** The work in SQLite. */
  queryMs: duration.optional(),
  /** COMMIT and PUT; 0 for a read. */
  uploadMs: duration.optional(),
  /** The operation, without the clean-up after it. */
  totalMs: duration,
  cleanupMs: duration,
});

const requestsSchema = z.object({
  get: count,
  put: count,
  head: count,
  delete: count,
  list: count,
  bytesUp: count,
  bytesDown: count,
});

const cleanedSchema = z.object({ deletedCount: count, deletedBytes: count });

const envelope = {
  service: z.literal('javumbo'),
  version: z.string(),
  operation: z.string(),
  container: containerSchema,
  timings: timingsSchema,
  /** The call's requests to S3 and to the tables. */
  requests: requestsSchema,
  tableRequests: z.object({ read: count, write: count }),
  /** What the clean-up hook removed; absent if it failed, which does not fail the call. */
  cleaned: cleanedSchema.optional(),
};

export const RESULTS = {
  ping: z.object({
    node: z.string(),
    architecture: z.string(),
    memoryMb: count.optional(),
    sqlite: z.string(),
    /** The names of what it uses; no bucket on the local deployment. */
    deployment: z.object({ bucket: z.string().nullable(), usersTable: z.string(), locksTable: z.string() }).optional(),
  }),
  selfcheck: z.object({
    checks: z.array(
      z.object({ name: z.string(), passed: z.boolean(), durationMs: duration, reason: z.string().optional() }),
    ),
    passed: z.boolean(),
  }),
  read: z.object({
    version: z.string(),
    sizeBytes: count,
    tables: z.record(z.string(), count),
    fromCache: z.boolean(),
    note: z
      .object({ noteId: z.int(), guid: z.string(), fields: z.array(z.string()), tags: z.array(z.string()) })
      .nullable()
      .optional(),
  }),
  write: z.object({
    outcome: z.enum(['committed', 'unchanged']),
    version: z.string(),
    attempts: count,
    noteId: z.int(),
    guid: z.string(),
    /** True if the container had the database, even a stale copy that it fetched again. */
    fromCache: z.boolean(),
    /** The database's size before the note; absent if the answer was lost and the note found later. */
    sizeBeforeBytes: count.optional(),
  }),
  cacheStats: z.object({
    entryCount: count,
    workingCopyCount: count,
    sizeBytes: count,
    oldestAgeSeconds: count.nullable(),
    limits: z.object({ maxAgeSeconds: count, maxBytes: count }),
  }),
  cleanup: cleanedSchema,
} as const;

/** An operation's failure, with the fields of `JavumboError`. */
export const failureSchema = z.object({
  kind: z.enum(['usage', 'not-found', 'conflict', 'unavailable', 'unknown', 'violation', 'corrupt', 'internal']),
  message: z.string(),
  try: z.string().optional(),
  username: z.string().optional(),
  expectedVersion: z.string().optional(),
  actualVersion: z.string().optional(),
  /** How often the edit had run. */
  attempts: count.optional(),
});

/** The answer to every direct call: a result or a failure, and the circumstances. */
export const answerSchema = z.union([
  z.object({ ...envelope, result: z.unknown() }),
  z.object({ ...envelope, error: failureSchema }),
]);

export type Operation = keyof typeof RESULTS;
/** A request as sent: fields with defaults may be absent. */
export type FunctionRequest<O extends Operation = Operation> = Extract<z.input<typeof requestSchema>, { operation: O }>;
/** A request as the handler sees it. */
export type ParsedRequest<O extends Operation = Operation> = Extract<z.infer<typeof requestSchema>, { operation: O }>;
export type ResultOf<O extends Operation> = z.infer<(typeof RESULTS)[O]>;
export type FunctionFailure = z.infer<typeof failureSchema>;
export type ContainerIdentity = z.infer<typeof containerSchema>;
export type FunctionTimings = z.infer<typeof timingsSchema>;
/** A call's result and circumstances. */
export type FunctionAnswer<O extends Operation = Operation> = Omit<
  z.infer<z.ZodObject<typeof envelope>>,
  'operation'
> & {
  readonly operation: O;
  readonly result: ResultOf<O>;
};

export const OPERATIONS = Object.keys(RESULTS) as readonly Operation[];
