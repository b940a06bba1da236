import type { TestProject } from 'vitest/node';
import cephRgw from './ceph-rgw.ts';
import chromium from './chromium.ts';
import dynamoDbLocal from './dynamodb-local.ts';
import nginx from './nginx.ts';
import nodes from './node.ts';
import npmS3 from './npm-s3.ts';
import shells from './shells.ts';

/** Vitest's global setup: makes all engines ready beside each other, and stops them after the tests. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const started = await Promise.allSettled(
    [cephRgw, chromium, dynamoDbLocal, nginx, nodes, npmS3, shells].map((engine) => engine(project)),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(started.map((engine) => (engine.status === 'fulfilled' ? engine.value?.() : undefined)));
  };
  const failed = started.find(({ status }) => status === 'rejected');
  if (failed === undefined) return stop;
  await stop();
  throw (failed as PromiseRejectedResult).reason;
}
