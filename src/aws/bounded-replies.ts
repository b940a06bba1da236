import { pipeline, Readable, Transform } from 'node:stream';
import type { Client } from './unsent.ts';

// DynamoDB's largest reply has 16 MB, Lambda's 6 MB and S3's longest list about as much.
const REPLY_BYTES_MAX = 32_000_000;

/** More came than any reply has; it may have no end. */
export class EndlessReply extends Error {
  override readonly name = 'EndlessReply';

  constructor() {
    super(`more than ${REPLY_BYTES_MAX / 1_000_000} MB came, and no reply is as long`);
  }
}

interface HttpReply {
  readonly statusCode: number;
  readonly headers?: Readonly<Record<string, string>>;
  body: unknown;
}

/**
 * Makes a client give up a reply that is longer than any can be: the SDK keeps replies in memory. Objects are not
 * meant, which go into files and have a length.
 */
export function boundReplies<C extends Client>(client: C): C {
  const bounded =
    (next: (args: object) => Promise<{ response: HttpReply }>, { commandName }: { commandName?: string }) =>
    async (args: object) => {
      const result = await next(args);
      const { response } = result;
      const isObject = commandName === 'GetObjectCommand' && response.statusCode < 300;
      if (response.body instanceof Readable && !isObject && !isShort(response)) response.body = withEnd(response.body);
      return result;
    };
  client.middlewareStack.add(bounded as never, { step: 'deserialize', priority: 'low', name: 'boundReplies' });
  return client;
}

/** True if the reply says how long it is, which Node holds it to, and that is no more than any reply has. */
function isShort({ headers }: HttpReply): boolean {
  return Number(headers?.['content-length'] ?? Number.NaN) <= REPLY_BYTES_MAX;
}

function withEnd(body: Readable): Readable {
  let bytes = 0;
  const counting = new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes > REPLY_BYTES_MAX) done(new EndlessReply());
      else done(null, chunk);
    },
  });
  // Whoever reads it hears of an error; so does the source, which ends with it.
  pipeline(body, counting, () => {});
  return counting;
}
