/** Five processes behind a repeating proxy, on a real distributed S3 engine: Ceph RGW. */
import { describe, inject } from 'vitest';
import type { EngineEnvironment } from '../testing/engines/engine.ts';
import { enginePlace } from '../testing/s3-server/place.ts';
import { describeRepeatedUpdates } from './repeated-updates-contract.ts';

const engine = inject('cephRgw');

describe.runIf(engine !== undefined)('Ceph RGW', () => {
  describeRepeatedUpdates(() => enginePlace(engine as EngineEnvironment), 200);
});
