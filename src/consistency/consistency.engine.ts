/** The verdict on an engine that others built: sound on a bucket of Ceph RGW, and not on one with versioning. */
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { newDeployment } from '../testing/engines/deployment.ts';
import { asReport } from '../testing/report-schema.ts';

const s3 = inject('cephRgw');
const dynamo = inject('dynamoDbLocal');

describe.runIf(s3 !== undefined && dynamo !== undefined)('verify consistency', () => {
  const env = newDeployment(s3, dynamo);
  beforeAll(async () => {
    expect((await runScript(SCRIPTS.javumbo, ['deployment', 'create'], env)).code).toBe(0);
  });

  const verify = async (bucket: string) => {
    const argv = ['verify', 'consistency', '--duration', '8s', '--clients', '4', '--json', '--quiet'];
    const { code, stdout } = await runScript(SCRIPTS.javumbo, argv, { ...env, S3_BUCKET: bucket });
    return { code, report: asReport(JSON.parse(stdout)) };
  };

  test('finds no violation on Ceph RGW and DynamoDB Local', async () => {
    const { report } = await verify(env.S3_BUCKET);
    // What did not occur in so short a time is no violation.
    expect(report.history?.anomalies).toEqual([]);
    expect(report.history?.undetermined).toBe(0);
    expect(report.history?.operations).toBeGreaterThan(0);
  });

  test('finds one on a bucket with versioning, and shows it in a few operations', async () => {
    const bucket = `${env.S3_BUCKET}-versions`;
    const client = new S3Client({
      endpoint: env.AWS_ENDPOINT_URL_S3 ?? '',
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: {
        accessKeyId: env.AWS_ACCESS_KEY_ID ?? '',
        secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '',
      },
    });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }));
    client.destroy();
    const { code, report } = await verify(bucket);
    expect(code).toBe(7);
    expect(report.checks.find(({ id }) => id === 'engine.put')?.status).toBe('failed');
  });
});
