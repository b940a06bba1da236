/**
 * The S3 server and its links in a separate process, so that their processor time does not count as client latency.
 * Driven over the channel of `fork`; ends with its parent. `node server-process.js [<host> <port>]`: with an address,
 * only links to that server.
 */
import { startS3Server } from '../../src/testing/s3-server/server.ts';
import { BUCKET } from './bucket.ts';
import { openLink } from './link.ts';
import { openQueue } from './queue.ts';
import type { ServerCall, ServerReply } from './remote-server.ts';

const [host, elsewhere] = process.argv.slice(2);
const server = elsewhere === undefined ? await startS3Server({ buckets: [BUCKET] }) : undefined;
const port = server?.port ?? Number(elsewhere);

async function answer(call: ServerCall): Promise<unknown> {
  switch (call.kind) {
    case 'open-link':
      return (await openLink(port, call.settings, host)).port;
    case 'open-queue':
      return (await openQueue(port, call.settings)).port;
    case 'counts':
      return server?.counts;
    case 'clear':
      for (const key of server?.keys(BUCKET) ?? []) server?.deleteObject(BUCKET, key);
      return null;
  }
}

process.on('message', async (call: ServerCall) => {
  const reply: ServerReply = { id: call.id, value: await answer(call) };
  process.send?.(reply);
});
// Does not close the links' ports: nothing under way matters.
process.on('disconnect', () => process.exit());
process.send?.({ id: 0, value: port } satisfies ServerReply);
