import { createServer, request as forward, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb';
import dynalite from 'dynalite';
import { SILENT } from '../aws/client-options.ts';

/** A fault of one operation, such as `PutItem`. `times`: default 1. */
export interface DynamoFault {
  readonly operation: string;
  readonly times?: number;
  /** Lets that many requests of the operation pass first. */
  readonly after?: number;
  readonly fault: /** Answer with that error; nothing was written. */
    | { readonly kind: 'refuse'; readonly status: number; readonly code: string; readonly message?: string }
    /** Resets the connection; nothing was written. */
    | { readonly kind: 'lost-request' }
    /** Does the work, then resets the connection: it landed, and the client never hears. */
    | { readonly kind: 'lost-reply' }
    /** Does the work, then answers 500. */
    | { readonly kind: 'error-after' };
  /** Runs between the work and the reply: what another client does meanwhile. */
  readonly meanwhile?: () => Promise<void>;
}

export interface DynamoServer {
  readonly endpoint: string;
  /** Requests by operation, including those with faults. */
  readonly counts: Readonly<Record<string, number>>;
  inject(fault: DynamoFault): void;
  clearFaults(): void;
  client(): DynamoDBClient;
  /** Creates a table with the partition key `username`, and returns its name. */
  createTable(name: string): Promise<string>;
  close(): Promise<void>;
}

/** Starts dynalite on loopback, behind a proxy that injects faults. */
export async function startDynamoServer(): Promise<DynamoServer> {
  const engine = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const enginePort = await listening(engine);
  const counts: Record<string, number> = {};
  const armed: { fault: DynamoFault; passed: number; fired: number }[] = [];
  const proxy = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const operation = String(incoming.headers['x-amz-target']).split('.').at(-1) ?? '';
      counts[operation] = (counts[operation] ?? 0) + 1;
      const hit = armed.find((each) => each.fault.operation === operation && each.fired < (each.fault.times ?? 1));
      const fires = hit !== undefined && hit.passed++ >= (hit.fault.after ?? 0);
      if (fires) hit.fired++;
      const fault = fires ? hit.fault.fault : undefined;
      if (fault?.kind === 'lost-request') {
        incoming.socket.resetAndDestroy();
        return;
      }
      if (fault?.kind === 'refuse') {
        outgoing.writeHead(fault.status, { 'content-type': 'application/x-amz-json-1.0' });
        outgoing.end(
          JSON.stringify({
            __type: `com.amazonaws.dynamodb.v20120810#${fault.code}`,
            message: fault.message ?? 'injected',
          }),
        );
        return;
      }
      const onward = forward(
        { port: enginePort, method: incoming.method, path: incoming.url, headers: incoming.headers },
        (reply) => {
          const body: Buffer[] = [];
          reply.on('data', (chunk: Buffer) => body.push(chunk));
          reply.on('end', async () => {
            if (fires) await hit.fault.meanwhile?.();
            if (fault?.kind === 'lost-reply') {
              incoming.socket.resetAndDestroy();
              return;
            }
            if (fault?.kind === 'error-after') {
              outgoing.writeHead(500, { 'content-type': 'application/x-amz-json-1.0' });
              outgoing.end(JSON.stringify({ __type: 'InternalServerError', message: 'injected' }));
              return;
            }
            outgoing.writeHead(reply.statusCode ?? 500, reply.headers);
            outgoing.end(Buffer.concat(body));
          });
        },
      );
      onward.end(Buffer.concat(chunks));
    });
  });
  const endpoint = `http://127.0.0.1:${await listening(proxy)}`;
  const clients: DynamoDBClient[] = [];
  const client = (): DynamoDBClient => {
    const made = new DynamoDBClient({
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
      maxAttempts: 1,
      logger: SILENT,
    });
    clients.push(made);
    return made;
  };
  return {
    endpoint,
    counts,
    inject: (fault) => armed.push({ fault, passed: 0, fired: 0 }),
    clearFaults: () => {
      armed.length = 0;
    },
    client,
    createTable: (name) => createTable(client(), name),
    close: async () => {
      for (const each of clients) each.destroy();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      await new Promise((resolve) => engine.close(resolve));
    },
  };
}

/** Creates a table with the partition key `username`, waits until it is active, and returns its name. */
export async function createTable(client: DynamoDBClient, name: string): Promise<string> {
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'username', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'username', KeyType: 'HASH' }],
    }),
  );
  await waitUntilTableExists({ client, maxWaitTime: 20, minDelay: 1 }, { TableName: name });
  return name;
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
