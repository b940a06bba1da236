// As a namespace, of which a bundler takes what is used; `{ z }` would put 350 KB of other languages into the function.
import * as z from 'zod';
import { isUsername } from '../core/username.ts';

/**
 * What the function takes and answers. Operations have names, and none takes SQL: whoever may invoke the function can add
 * a note, and cannot drop a table.
 */

const username = z.string().refine(isUsername, 'it is not a username');
/** `use` the cache of the container; `bypass` it, reading and leaving nothing; `drop` what it has of the user first. */
const cache = z.enum(['use', 'bypass', 'drop']).default('use');
/** The allowed staleness in seconds; absent: the function's own. 0: ask the store. */
const staleness = z.number().min(0).max(86_400);

const EDITS_MAX = 1_000;
/** The longest that `ping` keeps its container busy, in milliseconds. */
export const HOLD_MAX_MS = 10_000;

export const requestSchema = z.discriminatedUnion('operation', [
  z.strictObject({
    operation: z.literal('ping'),
    /** Milliseconds to stay busy, so that calls at the same time need containers of their own. */
    holdMs: z.int().min(0).max(HOLD_MAX_MS).default(0),
  }),
  z.strictObject({
    operation: z.literal('selfcheck'),
    /** The run whose id the test data carries, so that a clean-up finds what was left. */
    run: z.string().regex(/^[0-9a-f]{6,32}$/),
  }),
  z.strictObject({
    operation: z.literal('read'),
    username,
    cache,
    stalenessSeconds: staleness.optional(),
    /** Which note to return; absent: only counts. */
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
    /** Names the note, so that a caller whose answer got lost can ask whether it is there. */
    guid: z.string().min(1).max(64),
    /** How often the note is added anew after a conflict. */
    retries: z.int().min(0).max(EDITS_MAX).default(20),
  }),
  z.strictObject({ operation: z.literal('cacheStats') }),
  z.strictObject({
    operation: z.literal('cleanup'),
    /** Removes everything that is cached, whatever its age. */
    everything: z.boolean().default(false),
  }),
]);

const count = z.int().min(0);
const duration = z.number().min(0);

const containerSchema = z.object({
  /** Of this process; no two containers have one. */
  id: z.string(),
  /** False for the first call of this process. */
  warm: z.boolean(),
  /** Calls so far, this one included. */
  invocations: count,
  /** From the start of the process until it could take its first call. */
  initMs: duration,
});

const timingsSchema = z.object({
  /** Until the database was open: GET, where one was needed. */
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
  /** What the call asked of S3, and of the tables. */
  requests: requestsSchema,
  tableRequests: z.object({ read: count, write: count }),
  /** What the clean-up hook removed; absent where it failed, which is no reason for the call to fail. */
  cleaned: cleanedSchema.optional(),
};

export const RESULTS = {
  ping: z.object({
    node: z.string(),
    architecture: z.string(),
    memoryMb: count.optional(),
    sqlite: z.string(),
    /** What it works on, by name; no bucket on the local deployment. */
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
    /** That the container had the database; a stale one it fetched again all the same. */
    fromCache: z.boolean(),
    /** Of the database before the note; absent where the answer got lost, and the note was found. */
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

/** What an operation failed with, as `JavumboError` has it. */
export const failureSchema = z.object({
  kind: z.enum(['usage', 'not-found', 'conflict', 'unavailable', 'unknown', 'violation', 'corrupt', 'internal']),
  message: z.string(),
  try: z.string().optional(),
  username: z.string().optional(),
  expectedVersion: z.string().optional(),
  actualVersion: z.string().optional(),
  /** How often an edit had run by then. */
  attempts: count.optional(),
});

/** What every direct call is answered with: a result or a failure, and the circumstances. */
export const answerSchema = z.union([
  z.object({ ...envelope, result: z.unknown() }),
  z.object({ ...envelope, error: failureSchema }),
]);

export type Operation = keyof typeof RESULTS;
/** A request as it is sent: what has a default may be left out. */
export type FunctionRequest<O extends Operation = Operation> = Extract<z.input<typeof requestSchema>, { operation: O }>;
/** A request as the handler works on it. */
export type ParsedRequest<O extends Operation = Operation> = Extract<z.infer<typeof requestSchema>, { operation: O }>;
export type ResultOf<O extends Operation> = z.infer<(typeof RESULTS)[O]>;
export type FunctionFailure = z.infer<typeof failureSchema>;
export type ContainerIdentity = z.infer<typeof containerSchema>;
export type FunctionTimings = z.infer<typeof timingsSchema>;
/** The circumstances of a call, with what it came to. */
export type FunctionAnswer<O extends Operation = Operation> = Omit<
  z.infer<z.ZodObject<typeof envelope>>,
  'operation'
> & {
  readonly operation: O;
  readonly result: ResultOf<O>;
};

export const OPERATIONS = Object.keys(RESULTS) as readonly Operation[];
