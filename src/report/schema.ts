import * as z from 'zod';

const text = z.string();
const count = z.int().min(0);
const duration = z.number().min(0);
/** A figure's name: `withRetries.successMs`. */
const figure = z.string().regex(/^[A-Za-z][\w.-]*$/);
const value = z.union([z.string(), z.number(), z.boolean()]);

const assertion = z.object({
  name: text,
  passed: z.boolean(),
  expected: value.optional(),
  actual: value.optional(),
});

const check = z.object({
  id: text.describe('the number that week 1 gave the test, such as 4.1'),
  name: text,
  status: z.enum(['passed', 'failed', 'skipped']),
  durationMs: duration,
  reason: text.optional().describe('why it failed or was skipped'),
  try: text.optional().describe('what to try next, where it failed'),
  assertions: z.array(assertion).describe('what was claimed, in order, with what was found where it did not hold'),
});

const metric = z.object({
  unit: z.literal('ms'),
  count: z.int().min(1),
  min: duration,
  mean: duration,
  p50: duration,
  p95: duration,
  p99: duration,
  max: duration,
  stddev: duration.describe('of the sample, with n - 1; 0 for a single one'),
  samples: z.array(duration).min(1).describe('every sample, in the order in which they were taken'),
});

const worker = z.object({
  outcome: z.enum(['committed', 'conflict', 'unknown', 'other']),
  noteId: z.int(),
  attempts: count.describe('how often the edit was run'),
  durationMs: duration,
  error: text.optional().describe('what ended it, where the outcome is other'),
});

const history = z.object({
  operations: count.describe('that returned'),
  faults: z
    .record(text, z.object({ fired: count, landed: count }))
    .describe('by name; landed says how often one did what its name says. Empty for a run that was killed'),
  outcomes: z.record(text, count).describe('how many operations ended with each'),
  anomalies: z
    .array(
      z.object({
        kind: text,
        about: z.enum(['database', 'account']),
        users: z.array(text),
        sentence: text,
        operations: z.array(
          z.object({
            client: text,
            kind: text,
            value: text.optional(),
            outcome: text,
            calledAt: count.describe('a line of the history file'),
            returnedAt: count,
            saw: z.array(text).optional().describe('values in their order; of a restore, what it wrote back'),
          }),
        ),
      }),
    )
    .describe('violations in the fewest operations found to show them, in the order of time; five at most'),
  undetermined: count.describe('databases and accounts whose search for an order was given up'),
});

const requests = z.object({
  get: count,
  put: count,
  head: count,
  delete: count,
  list: count,
  bytesUp: count.describe('bytes of databases sent, retries included'),
  bytesDown: count.describe('bytes of databases received, retries included'),
  dynamo: z
    .object({ read: z.number().min(0), write: z.number().min(0) })
    .optional()
    .describe('requests to the user and lock tables, where any were possible; each is priced as one unit of DynamoDB'),
  lambda: z
    .object({ invocations: count, gbSeconds: z.number().min(0) })
    .optional()
    .describe('calls of the function and the memory they held, where there was one'),
});

const cost = z.object({
  operation: text.describe('what one operation is'),
  operations: z.int().min(1).describe('how many were measured'),
  usdPerMillion: z
    .object({ s3: duration, dynamo: duration, lambda: duration, dataOut: duration })
    .describe('what costUsdPerMillion consists of'),
  prices: z.object({ date: text, region: text, source: text }).describe('whose prices, and of when'),
});

const step = z.object({
  ratePerSecond: z.number().min(0),
  held: z.boolean().describe('whether the objective held, without the client being the limit'),
  actual: z.number().optional().describe("the objective's figure; absent where it was not measured"),
  completedPerSecond: z.number().min(0),
  clientBusyPercent: z.number().min(0),
  limit: z.enum(['client', 'deployment']).optional().describe('which of the two kept it from holding'),
  reason: text.optional().describe('why it did not hold'),
});

/**
 * The document of every `bench` and `verify` command: the source of its type and its JSON Schema. Fields are added and
 * never change their meaning, so consumers ignore unknown ones.
 */
export const reportSchema = z.object({
  schemaVersion: z.literal(1).describe('raised when a field is taken away or changes its meaning'),
  kind: z.enum(['bench', 'verify']),
  name: text.describe('the verb: latency, day4, …'),
  tool: z.object({ name: z.literal('javumbo'), version: text }),
  startedAt: z.iso.datetime(),
  durationMs: duration.describe('of the whole run, setup and clean-up included'),
  deployment: z.object({
    kind: z.enum(['local', 'aws']).describe('aws is also any other engine that speaks S3'),
    bucket: text.optional(),
    region: text.optional(),
    endpoint: text.optional().describe('of another engine; absent for AWS itself'),
    rttMs: duration.optional().describe('the simulated round trip; absent where there is none'),
  }),
  simulated: z.boolean().describe('the round trip is simulated: times hold for the design, not for a network'),
  environment: z.object({
    node: text,
    platform: text,
    arch: text,
    cpuCount: count,
    cpuModel: text,
    sdk: text.describe('the version of the AWS SDK'),
    engine: text.describe('AWS, local files, or how the server at the endpoint names itself; else unknown'),
    sqlite: text.optional().describe('the library that opened databases; absent where this process opened none'),
    commit: text.optional().describe('of the tree that was tested: from the CI, or from git where the tool ran'),
  }),
  parameters: z.record(figure, value).describe('what the run was told; runs are compared only where all are equal'),
  checks: z.array(check),
  metrics: z.record(figure, metric),
  derived: z.record(figure, z.number()).describe('figures computed from the run; one that is no number is absent'),
  grades: z.record(figure, text).describe("week 1's marks beyond passing, which nothing fails for"),
  thresholds: z
    .array(z.object({ expression: text, passed: z.boolean(), actual: z.number().optional(), reason: text.optional() }))
    .describe('each --threshold; actual is absent where the figure was not measured, or for a reason'),
  hits: z.array(z.boolean()).optional().describe('of each request, told before it, whether the cache would serve it'),
  workers: z.array(worker).optional().describe('how each edit of each worker ended, where there were workers'),
  history: history.optional().describe('of verify consistency: what its clients did, and what contradicts the promise'),
  steps: z.array(step).optional().describe('of bench load --find-limit: each rate that was tried, in order'),
  requests: requests.describe(
    'of what was measured: of verify all but the clean-up of objects, of bench neither setup nor clean-up',
  ),
  costUsdPerMillion: duration.optional().describe('US dollars that a million operations would cost on AWS'),
  cost: cost
    .optional()
    .describe('how costUsdPerMillion comes about; both are absent where nothing was measured, or not every test ran'),
  warnings: z.array(text).describe('doubts about the figures, each with what to try'),
  passed: z.boolean(),
  failureReasons: z.array(text).describe('why it did not pass; one is "interrupted" after Ctrl-C'),
});

/** Returns a report's JSON Schema (2020-12), which `report schema` prints. `strict` refuses unknown fields. */
export function reportJsonSchema({ strict = false }: { readonly strict?: boolean } = {}): object {
  // Zod's convention: an output schema closes every object, an input schema leaves it open.
  const schema = z.toJSONSchema(reportSchema, { io: strict ? 'output' : 'input' });
  return { ...schema, title: 'javumbo report', description: 'what javumbo bench and javumbo verify report' };
}
