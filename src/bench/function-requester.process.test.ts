import { expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { systemRandom } from '../core/random.ts';
import { FunctionClient } from '../function/client.ts';
import { startFunctionServer } from '../testing/function-server.ts';
import { FunctionRequester } from './function-requester.ts';

test('a write whose answer got lost is measured as nothing, although it is stored', async () => {
  const server = await startFunctionServer();
  try {
    const client = new FunctionClient({ function: server.client(), clock: systemClock, random: systemRandom });
    const requester = new FunctionRequester({ client, clock: systemClock, stalenessSeconds: undefined });
    const { sizeBeforeBytes, uploadMs } = await requester.write('alice', 'bypass');
    expect({ isSized: sizeBeforeBytes > 0, isSent: uploadMs > 0 }).toEqual({ isSized: true, isSent: true });
    server.inject({ operation: 'Invoke', fault: { kind: 'lost-reply' } });
    await expect(requester.write('alice', 'bypass')).rejects.toMatchObject({ kind: 'unavailable', username: 'alice' });
    expect((await client.call({ operation: 'read', username: 'alice' })).result.tables.notes).toBe(2);
  } finally {
    await server.close();
  }
});
