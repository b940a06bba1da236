/** Engines that take conditions and ignore them, as others built them: s3rver and fauxqs. No verdict on them may be good. */
import { ListBucketsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type DynamoServer, startDynamoServer } from '../testing/dynamo-server.ts';
import { newDeployment } from '../testing/engines/deployment.ts';
import type { EngineEnvironment } from '../testing/engines/engine.ts';
import { asReport } from '../testing/report-schema.ts';
import { type CommandResult, type Json, runCommand } from '../testing/run-command.ts';

describe.each(['s3rver', 'fauxqs'] as const)('%s', (name) => {
  const engine = inject(name);
  describe.runIf(engine !== undefined)('never gets a verdict that it does not deserve', () => {
    const { AWS_ENDPOINT_URL_S3: endpoint, ...keys } = (engine ?? {}) as EngineEnvironment;
    const env: NodeJS.ProcessEnv = newDeployment(engine, undefined);
    const bucket = env.S3_BUCKET ?? '';
    const client = new S3Client({
      endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: keys.AWS_ACCESS_KEY_ID, secretAccessKey: keys.AWS_SECRET_ACCESS_KEY },
    });
    let dynamo: DynamoServer;
    const javumbo = (...argv: string[]): Promise<CommandResult> => runCommand([...argv, '--json', '--quiet'], { env });

    beforeAll(async () => {
      dynamo = await startDynamoServer();
      env.AWS_ENDPOINT_URL_DYNAMODB = dynamo.endpoint;
    });

    afterAll(async () => {
      client.destroy();
      await dynamo.close();
    });

    /** Returns which tests passed, and the exit code. */
    async function verify(day: string): Promise<{ code: number; passed: boolean; tests: Record<string, string> }> {
      const { code, json } = await javumbo('verify', day);
      const report = asReport(json());
      return {
        code,
        passed: report.passed,
        tests: Object.fromEntries(report.checks.map((each) => [each.id, each.status])),
      };
    }

    test('deployment create says that nothing was set that the engine does not keep', async () => {
      const created = await javumbo('deployment', 'create');
      expect({ code: created.code, stderr: created.stderr }).toEqual({ code: 0, stderr: '' });
      const [made] = created.json().resources;
      const unkept = made.settings.filter(({ state }: Json) => state === 'made').map((setting: Json) => setting.name);
      // fauxqs does keep the rules for the life of objects.
      expect(unkept).toEqual(name === 'fauxqs' ? ['expiry of old versions after 30 days'] : []);
      const described = (await javumbo('deployment', 'describe')).json().resources[0];
      expect(
        described.settings.filter(({ state }: Json) => state === 'found').map((setting: Json) => setting.name),
      ).toEqual(unkept);
    });

    test('verify fails wherever a conflict has to be seen, also before doctor has looked', async () => {
      // Which creates, reads and deletes, one after another: that works.
      expect(await verify('day1')).toMatchObject({ code: 0, passed: true });
      expect(await verify('day3')).toMatchObject({ code: 7, passed: false, tests: { '3.3': 'failed' } });
      expect(await verify('day4')).toEqual({
        code: 7,
        passed: false,
        tests: { '4.1': 'failed', '4.2': 'failed' },
      });
    });

    test('doctor finds it unsafe, and then nothing writes', async () => {
      const { code, json } = await javumbo('doctor');
      expect(code).toBe(7);
      const found = Object.fromEntries(json().findings.map((each: Json) => [each.id, each]));
      expect(found).toMatchObject({
        'conditional-writes': { severity: 'unsafe' },
        'conditional-deletes': { severity: 'warning' },
        bucket: { severity: 'ok' },
      });
      for (const what of [
        'a create over what exists is accepted',
        'an update over an old version is accepted',
        'an update over nothing is accepted',
      ])
        expect(found['conditional-writes'].message).toContain(what);
      expect((await javumbo('db', 'create', 'alice')).failure()).toMatchObject({ kind: 'violation' });
      expect(await verify('day2')).toEqual({
        code: 7,
        passed: false,
        tests: { '2.1': 'failed', '2.2': 'failed', '2.3': 'failed' },
      });
    });

    test('verify consistency shows what contradicts the promise, in a few operations', async () => {
      const { code, json } = await javumbo('verify', 'consistency', '--duration', '5s', '--clients', '4');
      const report = asReport(json());
      expect(code).toBe(7);
      expect(report.checks.find(({ id }) => id === 'engine.put')?.status).toBe('failed');
      expect(report.history?.anomalies[0]?.operations.length).toBeLessThanOrEqual(4);
    });

    test('nothing is left behind: neither an object nor a scratch bucket', async () => {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
      expect(Contents.map(({ Key }) => Key)).toEqual([]);
      const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
      expect(Buckets.map(({ Name }) => Name)).toEqual([bucket]);
    });
  });
});
