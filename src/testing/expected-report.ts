import { expect } from 'vitest';
import type { Metric } from '../bench/stats.ts';
import type { CommandDeployment } from './command-deployments.ts';

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
export const FINITE = expect.toSatisfy((value) => Number.isFinite(value), 'a finite number');

/** What every report has, beside what its command puts in. */
export const REPORT = {
  schemaVersion: 1,
  tool: { name: 'javumbo', version: expect.stringMatching(/^\d+\.\d+\.\d+/) },
  startedAt: expect.stringMatching(ISO_TIME),
  durationMs: FINITE,
  environment: {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cpuCount: expect.any(Number),
    cpuModel: expect.any(String),
  },
  grades: {},
  warnings: expect.any(Array),
  failureReasons: [],
};

export const METRIC = {
  unit: 'ms',
  count: 10,
  min: FINITE,
  mean: FINITE,
  p50: FINITE,
  p95: FINITE,
  p99: FINITE,
  max: FINITE,
  stddev: FINITE,
  samples: expect.any(Array),
};

export function expectConsistent({ samples, count, min, mean, p50, p95, p99, max }: Metric, expected: number): void {
  expect({ count, length: samples.length }).toEqual({ count: expected, length: expected });
  const ordered = [0, min, p50, p95, p99, max];
  expect(ordered).toEqual([...ordered].sort((a, b) => a - b));
  expect(mean).toBeGreaterThanOrEqual(min);
  expect(mean).toBeLessThanOrEqual(max);
}

/** Has a server damage what it is given. The first page stays as it was: what is no SQLite file at all would be too easy. */
export function garble({ server }: CommandDeployment): void {
  if (server === undefined) return;
  server.beforeReply = ({ operation, bucket, key }) => {
    const object = server.object(bucket, key);
    if (operation === 'PutObject' && object !== undefined)
      server.putObject(bucket, key, Buffer.from(object.body).fill(0xee, 4096));
  };
}
