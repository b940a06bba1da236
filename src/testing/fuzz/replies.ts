import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Random, seededRandom } from '../../core/random.ts';
import { below, damaged, hostileText, oneOf } from './mutate.ts';

const STATUSES = [
  200, 200, 200, 200, 204, 206, 301, 304, 307, 400, 400, 403, 404, 409, 412, 413, 416, 429, 500, 501, 503,
];

const LISTING = `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>user_dbs/</Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated><Contents><Key>user_dbs/alice.anki2</Key><LastModified>2026-11-20T10:00:00.000Z</LastModified><ETag>"0123456789abcdef0123456789abcdef"</ETag><Size>24576</Size></Contents></ListBucketResult>`;

const BODIES = [
  LISTING,
  '<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>',
  '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Reduce your rate.</Message></Error>',
  '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
  '{"Item":{"username":{"S":"alice"},"user_id":{"S":"u"},"name":{"S":"Alice"},"password_hash":{"S":"x"}}}',
  '{"Items":[{"username":{"S":"alice"}}],"Count":1,"LastEvaluatedKey":{"username":{"S":"alice"}}}',
  '{"Table":{"TableName":"javumbo-users","TableStatus":"ACTIVE","KeySchema":[{"AttributeName":"username","KeyType":"HASH"}]}}',
  '{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"no"}',
  '{"__type":"ResourceNotFoundException","message":"no"}',
  '{"outcome":"committed","version":"\\"abc\\"","notes":5}',
  '{"errorMessage":"it failed","errorType":"Error"}',
  '',
];

const HEADERS: Readonly<Record<string, string>> = {
  etag: '"0123456789abcdef0123456789abcdef"',
  'last-modified': 'Fri, 20 Nov 2026 10:00:00 GMT',
  'content-type': 'application/xml',
  'content-range': 'bytes 0-99/24576',
  'x-amz-version-id': 'null',
  'x-amz-delete-marker': 'true',
  'x-amz-bucket-region': 'eu-west-1',
  'x-amz-meta-writes': '0123456789abcdef0123456789abcdef',
  'x-amz-meta-digest': '0'.repeat(64),
  'x-amzn-errortype': 'ValidationException',
  'x-amz-function-error': 'Unhandled',
  'x-amz-crc32': '12345',
  'retry-after': '0',
  location: '/elsewhere',
  date: 'Fri, 20 Nov 1970 10:00:00 GMT',
};

/** A server of S3, DynamoDB and Lambda whose every reply is damaged; the same ones again for the same seed. */
export class DamagedReplies {
  readonly #server: Server;
  #random: Random = seededRandom(0);
  #body: Buffer = Buffer.alloc(0);

  private constructor() {
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  static async start(): Promise<DamagedReplies> {
    const replies = new DamagedReplies();
    await new Promise<void>((done) => replies.#server.listen(0, '127.0.0.1', done));
    return replies;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Begins anew: `database` is what some of the replies hold. */
  begin(random: Random, database: Buffer): void {
    this.#random = random;
    this.#body = database;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const random = this.#random;
    request.resume();
    request.once('end', () => {
      const kind = random.fraction();
      if (kind < 0.05) {
        request.socket.destroy();
        return;
      }
      const sound = random.fraction() < 0.3 ? this.#body : Buffer.from(oneOf(random, BODIES));
      const body = random.fraction() < 0.5 ? sound : damaged(sound, random);
      for (const [name, value] of Object.entries(HEADERS)) {
        if (random.fraction() < 0.6) continue;
        const text = random.fraction() < 0.5 ? value : hostileText(random, value);
        try {
          response.setHeader(name, text);
        } catch {
          // Node refuses to send it.
        }
      }
      if (kind < 0.1) response.setHeader('content-length', below(random, 2 * body.length + 2));
      response.writeHead(oneOf(random, STATUSES));
      if (kind < 0.15) response.write(body.subarray(0, body.length / 2), () => request.socket.destroy());
      else response.end(request.method === 'HEAD' ? undefined : body);
    });
  }
}
