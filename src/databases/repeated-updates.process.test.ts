/** Eight processes behind a repeating proxy, on the loopback S3 server. */
import { loopbackPlace } from '../testing/s3-server/place.ts';
import { describeRepeatedUpdates } from './repeated-updates-contract.ts';

describeRepeatedUpdates(loopbackPlace, 100);
