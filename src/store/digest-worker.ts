/** The program of a digest thread (digest-thread.ts). Loads little, so that it starts at once. */
import { parentPort } from 'node:worker_threads';
import { digestsOf } from './content-digest.ts';
import type { DigestAnswer, DigestTask } from './digest-thread.ts';

parentPort?.on('message', async ({ id, path, names }: DigestTask) => {
  parentPort?.postMessage(
    await digestsOf(path, names).then(
      (digests): DigestAnswer => ({ id, digests }),
      // A copy of an error between threads loses its code.
      ({ message, code }): DigestAnswer => ({ id, error: { message, code } }),
    ),
  );
});
