import { countsSince } from '../core/usage.ts';
import { gainOf, type Sequence } from './sequence.ts';

/**
 * Test 3.2: reads of one user, starting with an empty cache; or reads and writes of several. Metrics and figures of hits
 * need at least one hit.
 */
export const HIT_RATE: Sequence = {
  figures: {
    metrics: ['requestMs', 'coldMs', 'warmMs', 'writeMs'],
    derived: [
      'hits',
      'misses',
      'hitRatePercent',
      'getsOnHits',
      'speedup',
      'savedMs',
      'reductionPercent',
      'warmSpreadMs',
    ],
  },
  run: async ({ requester, username, count, visits, requests }, { record, metrics, show }) => {
    let [reads, hits, getsOnHits] = [0, 0, 0];
    for (let index = 0; index < count; index++) {
      const visit = visits?.[index] ?? { username, reads: true };
      if (!visit.reads) {
        record({ writeMs: (await requester.write(visit.username, 'use')).totalMs });
        show(`request ${index + 1} of ${count}: a write`);
        continue;
      }
      reads++;
      const before = requests();
      const { hit, totalMs } = await requester.read(visit.username, 'use');
      if (hit) {
        hits++;
        getsOnHits += countsSince(before, requests()).get;
      }
      record({ requestMs: totalMs, [hit ? 'warmMs' : 'coldMs']: totalMs }, hit);
      show(`request ${index + 1} of ${count}: ${hit ? 'hit' : 'miss'}`);
    }
    const { coldMs, warmMs } = metrics();
    const gain =
      coldMs === undefined || warmMs === undefined
        ? {}
        : { ...gainOf(coldMs.mean, warmMs.mean), warmSpreadMs: warmMs.max - warmMs.min };
    return { hits, misses: reads - hits, hitRatePercent: (hits / reads) * 100, getsOnHits, ...gain };
  },
};
