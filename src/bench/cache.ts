import { countsSince, type RequestCounts } from '../core/usage.ts';
import { gainOf, type Sequence } from './sequence.ts';

const CACHING = { uncached: 'bypass', cold: 'drop', warm: 'use' } as const;

/** Test 3.1: the same reads, then the same writes: uncached, cold and warm, as many of each. Week 1 made one cold one. */
export const CACHE: Sequence = {
  figures: {
    metrics: [
      'coldReadMs',
      'warmReadMs',
      'uncachedReadMs',
      'coldWriteMs',
      'warmWriteMs',
      'uncachedWriteMs',
      'warmDownloadMs',
      'uncachedDownloadMs',
      'warmUploadMs',
      'uncachedUploadMs',
      'warmQueryMs',
      'uncachedQueryMs',
    ],
    derived: [
      'readSpeedup',
      'readSavedMs',
      'readReductionPercent',
      'writeSpeedup',
      'writeSavedMs',
      'writeReductionPercent',
      'getsOnWarmReads',
      'getsOnWarmWrites',
      'putsOnWarmWrites',
    ],
  },
  run: async ({ requester, username, count, requests }, { record, mean, show }) => {
    const make = async (kind: keyof typeof CACHING, name: 'read' | 'write'): Promise<void> => {
      const { downloadMs, queryMs, uploadMs, totalMs } = await requester[name](username, CACHING[kind]);
      const phases = {
        [`${kind}DownloadMs`]: downloadMs,
        [`${kind}UploadMs`]: uploadMs,
        [`${kind}QueryMs`]: queryMs,
      };
      record(name === 'read' ? { [`${kind}ReadMs`]: totalMs } : { [`${kind}WriteMs`]: totalMs, ...phases });
    };
    /** Returns what the warm requests asked of the store. */
    const series = async (name: 'read' | 'write'): Promise<RequestCounts> => {
      let before = requests();
      for (const kind of ['uncached', 'cold', 'warm'] as const) {
        before = requests();
        for (let index = 0; index < count; index++) {
          show(`${kind} ${name}, ${index + 1} of ${count}`);
          await make(kind, name);
        }
      }
      return countsSince(before, requests());
    };
    const warmReads = await series('read');
    const warmWrites = await series('write');
    const [reads, writes] = [
      gainOf(mean('coldReadMs'), mean('warmReadMs')),
      gainOf(mean('coldWriteMs'), mean('warmWriteMs')),
    ];
    return {
      readSpeedup: reads.speedup,
      readSavedMs: reads.savedMs,
      readReductionPercent: reads.reductionPercent,
      writeSpeedup: writes.speedup,
      writeSavedMs: writes.savedMs,
      writeReductionPercent: writes.reductionPercent,
      getsOnWarmReads: warmReads.get,
      getsOnWarmWrites: warmWrites.get,
      putsOnWarmWrites: warmWrites.put,
    };
  },
};
