/**
 * The S3 server and the links to it, in a process of their own: what they compute must not be taken for the client's
 * latency. Driven over the channel that `fork` opens; ends with whoever started it.
 *
 * `node server-process.js [<host> <port>]`: with an address, only the links, to the server that is there.
 */
import { startS3Server } from '../../src/testing/s3-server/server.ts';
import { BUCKET } from './bucket.ts';
import { openLink } from './link.ts';
import type { ServerCall, ServerReply } from './remote-server.ts';

const [host, elsewhere] = process.argv.slice(2);
const server = elsewhere === undefined ? await startS3Server({ buckets: [BUCKET] }) : undefined;
const port = server?.port ?? Number(elsewhere);

async function answer(call: ServerCall): Promise<unknown> {
  switch (call.kind) {
    case 'open-link':
      return (await openLink(port, call.settings, host)).port;
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
// The links' ports are never closed by themselves: nothing is under way that anybody would miss.
process.on('disconnect', () => process.exit());
process.send?.({ id: 0, value: port } satisfies ServerReply);
