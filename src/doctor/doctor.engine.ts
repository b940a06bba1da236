/** Tests doctor on engines of others: Ceph RGW, which is sound until a bucket is versioned, and DynamoDB Local. */
import { PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, inject, test } from 'vitest';
import { runScript, SCRIPTS } from '../testing/child-process.ts';
import { newDeployment } from '../testing/engines/deployment.ts';
import type { Finding } from './finding.ts';

const s3 = inject('cephRgw');
const dynamo = inject('dynamoDbLocal');

describe.runIf(s3 !== undefined && dynamo !== undefined)('doctor on Ceph RGW and DynamoDB Local', () => {
  const env = newDeployment(s3, dynamo);
  const javumbo = (...argv: string[]) => runScript(SCRIPTS.javumbo, [...argv, '--json', '--quiet'], env);
  const findings = async (): Promise<Record<string, string>> => {
    const { stdout } = await javumbo('doctor');
    const report = JSON.parse(stdout) as { findings: Finding[] };
    return Object.fromEntries(report.findings.map(({ id, severity }) => [id, severity]));
  };

  test('what deployment create made is safe; a versioned bucket is not, and is written to no more', async () => {
    expect((await javumbo('deployment', 'create')).code).toBe(0);
    expect(await findings()).toMatchObject({
      'conditional-writes': 'ok',
      // Ceph 16 deletes whatever is stored.
      'conditional-deletes': 'warning',
      'bucket.lifecycle': 'ok',
      'users-table.on-demand': 'ok',
      'locks-table.ttl': 'ok',
      'function.code': 'ok',
    });
    expect((await javumbo('db', 'create', 'alice')).code).toBe(0);

    const { AWS_ENDPOINT_URL_S3: endpoint = '', AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = s3 ?? {};
    const credentials = { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY };
    const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials });
    const set = (Status: 'Enabled' | 'Suspended') =>
      client.send(new PutBucketVersioningCommand({ Bucket: env.S3_BUCKET, VersioningConfiguration: { Status } }));
    await set('Enabled');
    expect(await findings()).toMatchObject({ 'conditional-writes': 'unsafe' });
    expect((await javumbo('db', 'add-note', 'alice', '--field', 'x')).code).toBe(7);
    expect((await javumbo('db', 'query', 'alice', 'SELECT 1 AS one')).code).toBe(0);
    client.destroy();
  });
});
