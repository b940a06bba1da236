import type { Sequence } from './sequence.ts';

// Week 1's forecast of what a cache saves: three of four downloads.
const PROJECTED_HIT_RATE = 0.75;

/** Test 2.3: each request fetches the database, reads and changes one row, and stores it again. */
export const LATENCY: Sequence = {
  figures: {
    metrics: ['downloadMs', 'queryMs', 'uploadMs', 'totalMs'],
    derived: [
      'storeSharePercent',
      'uploadToDownloadRatio',
      'distinctVersions',
      'sizeBeforeBytes',
      'sizeAfterBytes',
      'projectedHitRatePercent',
      'projectedDownloadMs',
      'projectedTotalMs',
      'projectedSavingMs',
      'projectedSavingPercent',
      'projectedCachedRequestMs',
      'getPerRequest',
      'putPerRequest',
      'bytesDownPerRequest',
      'bytesUpPerRequest',
    ],
  },
  run: async ({ requester, username, count, databases }, { record, mean, show }) => {
    const versions = new Set<string>();
    const sizes: number[] = [];
    for (let index = 0; index < count; index++) {
      const { version, sizeBeforeBytes, ...times } = await requester.write(username, 'bypass');
      versions.add(version);
      sizes.push(sizeBeforeBytes);
      record({ ...times });
      show(`request ${index + 1} of ${count}`);
    }
    const sizeAfterBytes = await databases.read(username, ({ stored }) => stored.sizeBytes);
    const [download, upload, total] = [mean('downloadMs'), mean('uploadMs'), mean('totalMs')];
    const savingMs = download * PROJECTED_HIT_RATE;
    return {
      storeSharePercent: ((download + upload) / total) * 100,
      uploadToDownloadRatio: upload / download,
      distinctVersions: versions.size,
      sizeBeforeBytes: sizes[0] ?? 0,
      sizeAfterBytes,
      projectedHitRatePercent: PROJECTED_HIT_RATE * 100,
      projectedDownloadMs: download - savingMs,
      projectedTotalMs: total - savingMs,
      projectedSavingMs: savingMs,
      projectedSavingPercent: (savingMs / total) * 100,
      projectedCachedRequestMs: total - download,
    };
  },
};
