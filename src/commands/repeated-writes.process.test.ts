/** The commands that write databases behind a proxy that repeats, on the loopback S3 server: as S3, and as Ceph. */
import { describe } from 'vitest';
import { loopbackPlace } from '../testing/s3-server/place.ts';
import { CEPH_16 } from '../testing/s3-server/server.ts';
import { describeRepeatedWrites } from './repeated-writes-contract.ts';

describe.each([
  { name: 'S3', options: {} },
  { name: 'Ceph', options: CEPH_16 },
])('on a server that works as $name does', ({ options }) => {
  describeRepeatedWrites(() => loopbackPlace(options));
});
