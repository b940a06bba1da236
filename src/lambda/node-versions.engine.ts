/** The function as Lambda runs it: only the unpacked package, under Node 22 and 24. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { packageVersion } from '../core/package-information.ts';
import type { ContainerMessage, ContainerOrder } from '../function/container-messages.ts';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { startDynamoServer } from '../testing/dynamo-server.ts';
import { type Json, temporaryDirectory } from '../testing/run-command.ts';
import { startS3Server } from '../testing/s3-server/server.ts';
import { buildPackage } from './package.ts';

const nodes = inject('lambdaNodes');
const ceph = inject('cephRgw');
const dynamoDbLocal = inject('dynamoDbLocal');

const root = fileURLToPath(new URL('../..', import.meta.url));
const CONTAINER = join(root, 'dist', 'testing', 'bundle-container.js');

type Environment = Readonly<Record<string, string>>;

/** The function's data sources, as environment variables. */
const ENGINES: readonly {
  readonly name: string;
  readonly isHere: boolean;
  readonly start: () => Promise<{ readonly env: Environment; readonly close: () => Promise<void> }>;
}[] = [
  {
    name: 'the loopback S3 server and dynalite',
    isHere: true,
    start: async () => {
      const [s3, dynamo] = await Promise.all([startS3Server(), startDynamoServer()]);
      return {
        env: {
          AWS_ENDPOINT_URL_S3: s3.endpoint,
          AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint,
          AWS_ACCESS_KEY_ID: 'key',
          AWS_SECRET_ACCESS_KEY: 'secret',
        },
        close: async () => {
          await s3.close();
          await dynamo.close();
        },
      };
    },
  },
  {
    name: 'Ceph RGW and DynamoDB Local',
    isHere: ceph !== undefined && dynamoDbLocal !== undefined,
    start: async () => ({ env: { ...dynamoDbLocal, ...ceph }, close: async () => {} }),
  },
];

describe.runIf(nodes !== undefined)('the function', () => {
  const versions = [
    { version: 'Node 22', node: nodes?.NODE_22 ?? '', begins: 'v22.' },
    { version: 'Node 24', node: nodes?.NODE_24 ?? '', begins: 'v24.' },
  ];
  let unpacked: string;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    unpacked = join(temporaryDirectory(), 'task');
    mkdirSync(unpacked);
    const files = unzipSync((await buildPackage()).bytes);
    for (const [name, content] of Object.entries(files)) writeFileSync(join(unpacked, name), content);
    expect(readdirSync(unpacked)).toEqual(['index.mjs']);
  });

  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  describe.each(versions)('under $version', ({ node, begins }) => {
    test('answers ping and health where there is neither a home nor a variable that it does not need', async () => {
      const invoke = startContainer(node, { S3_BUCKET: 'nowhere' });
      expect(await invoke({ operation: 'ping' })).toMatchObject({
        service: 'javumbo',
        version: packageVersion(),
        result: { node: expect.stringContaining(begins), sqlite: 'node:sqlite', architecture: process.arch },
        container: { warm: false, invocations: 1 },
      });
      const health = await invoke({ version: '2.0', routeKey: 'ANY /', operation: 'cleanup', everything: true });
      expect(health).toMatchObject({ statusCode: 200, body: expect.stringContaining('"status":"ok"') });
    });
  });

  for (const engine of ENGINES) {
    describe.runIf(engine.isHere)(`on ${engine.name}`, () => {
      let env: Environment;
      let close = async (): Promise<void> => {};
      let names = 0;

      beforeAll(async () => {
        const started = await engine.start();
        close = started.close;
        const own = Math.floor(performance.timeOrigin);
        env = {
          ...started.env,
          S3_BUCKET: `javumbo-function-${own}`,
          DYNAMODB_USERS_TABLE: `javumbo-function-${own}-users`,
          DYNAMODB_LOCKS_TABLE: `javumbo-function-${own}-locks`,
        };
        await command('deployment', 'create');
      });

      afterAll(() => close());

      /** Runs a command on a fresh machine and returns its JSON. */
      async function command(...argv: string[]): Promise<Json> {
        const home = temporaryDirectory();
        const machine = { ...env, HOME: home, JAVUMBO_CACHE_DIR: join(home, 'cache') };
        const { code, stdout, stderr } = await runScript(SCRIPTS.javumbo, [...argv, '--json', '--quiet'], machine);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        return JSON.parse(stdout);
      }

      describe.each(versions)('under $version', ({ node }) => {
        test('writes what the command reads, and finds sound', async () => {
          const username = `written-${names++}`;
          await command('db', 'create', username);
          const invoke = startContainer(node, env);
          const fields = ['Grüße aus der Lambda', '🂡 back'];
          const write = { operation: 'write', username, fields, tags: ['one', 'two'], guid: 'of-the-function' };
          const { result: written } = await invoke(write);
          expect(written).toMatchObject({ outcome: 'committed', attempts: 1, guid: 'of-the-function' });
          const { result: read } = await invoke({ operation: 'read', username, guid: 'of-the-function' });
          expect(read).toMatchObject({ fromCache: true, version: written.version, note: { fields } });
          const sql = 'SELECT id, guid, flds, tags FROM notes';
          expect(await command('db', 'query', username, sql)).toMatchObject({
            rows: [{ id: written.noteId, guid: 'of-the-function', flds: fields.join('\x1f'), tags: ' one two ' }],
          });
          expect(await command('db', 'check', username)).toMatchObject({ version: written.version, findings: [] });
        });

        test('reads what the command has made, and adds to it', async () => {
          const username = `made-${names++}`;
          await command('db', 'create', username);
          const { noteId } = await command('db', 'add-note', username, '--field', 'Front', '--field', 'Back');
          const invoke = startContainer(node, env);
          const { result } = await invoke({ operation: 'read', username, noteId });
          expect(result).toMatchObject({ tables: { notes: 1, cards: 1 }, note: { noteId, fields: ['Front', 'Back'] } });
          await invoke({ operation: 'write', username, fields: ['2', '2'], guid: 'second' });
          expect(await command('db', 'query', username, 'SELECT count(*) AS n FROM notes')).toMatchObject({
            rows: [{ n: 2 }],
          });
          expect(await command('db', 'check', username)).toMatchObject({ findings: [] });
        });

        test('may do what Test 1.5 asks, and leaves nothing', async () => {
          const { result } = await startContainer(node, env)({ operation: 'selfcheck', run: '00c0ffee' });
          expect(result.checks.map(({ name, passed }: Json) => [name, passed])).toEqual([
            ['S3 put_object', true],
            ['S3 get_object', true],
            ['S3 delete_object', true],
            ['DynamoDB put_item', true],
            ['DynamoDB get_item', true],
            ['DynamoDB delete_item', true],
          ]);
          const { databases } = await command('db', 'list');
          expect(databases.filter(({ username }: Json) => username.includes('00c0ffee'))).toEqual([]);
          expect((await command('user', 'list')).users).toEqual([]);
        });
      });

      test('loses nothing where Node 22 and 24 write at the same time', async () => {
        const username = `raced-${names++}`;
        await command('db', 'create', username);
        const guids = versions.map(({ begins }) => Array.from({ length: 20 }, (_, n) => `${begins}${n}`));
        await Promise.all(
          versions.map(async ({ node }, at) => {
            const invoke = startContainer(node, env);
            for (const guid of guids[at] ?? []) {
              const answer = await invoke({ operation: 'write', username, fields: [guid, 'x'], guid, retries: 200 });
              expect(answer).toMatchObject({ result: { outcome: 'committed' } });
            }
          }),
        );
        const { rows } = await command('db', 'query', username, 'SELECT guid FROM notes');
        expect(rows.map(({ guid }: Json) => guid).sort()).toEqual(guids.flat().sort());
        expect(await command('db', 'check', username)).toMatchObject({ findings: [] });
      });
    });
  }

  /** Starts a container with only Lambda's variables and `env`. Returns a function for one call at a time. */
  function startContainer(node: string, env: Environment): (event: object) => Promise<Json> {
    const directory = temporaryDirectory();
    const child = spawn(node, [CONTAINER, join(unpacked, 'index.mjs')], {
      cwd: unpacked,
      env: {
        AWS_REGION: 'us-east-1',
        AWS_LAMBDA_FUNCTION_NAME: 'javumbo-api',
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '512',
        _HANDLER: 'index.handler',
        LAMBDA_TASK_ROOT: unpacked,
        TMPDIR: directory,
        ...env,
      },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    running.push(child);
    let resolve = (_: ContainerMessage): void => {};
    let reject = (_: Error): void => {};
    const next = (): Promise<ContainerMessage> =>
      new Promise((...settle) => {
        [resolve, reject] = settle;
      });
    child.on('message', (message: ContainerMessage) => resolve(message));
    child.on('exit', (code, signal) => reject(new Error(`the container ended with ${signal ?? code}`)));
    const told = (order: object): Promise<ContainerMessage> => {
      const reply = next();
      child.send(order);
      return reply;
    };
    const ready = next().then(async (message) => {
      expect(message).toEqual({ kind: 'loaded' });
      // The bundle reads its configuration from the environment.
      await told({ kind: 'start', directory } satisfies Partial<ContainerOrder>);
    });
    ready.catch(() => {});
    return async (event) => {
      await ready;
      const message = await told({ kind: 'call', payload: JSON.stringify(event) } satisfies ContainerOrder);
      if (message.kind !== 'returned') throw new Error(JSON.stringify(message));
      return JSON.parse(message.payload);
    };
  }
});
