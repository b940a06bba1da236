/** Tests calls during an interruption. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { systemClock } from '../core/clock.ts';
import { interrupted } from '../core/interruptible.ts';
import { systemRandom } from '../core/random.ts';
import { startFunctionServer } from '../testing/function-server.ts';
import type { LambdaServer, LambdaServerFault } from '../testing/lambda-server.ts';
import { FunctionClient } from './client.ts';

const POLICY = { attemptsMax: 5, backoffMs: 1, backoffMaxMs: 1 };
const WRITE = { username: 'alice', fields: ['der Hund', 'the dog'], guid: 'guid-of-test' };

const servers: LambdaServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

interface Interrupted {
  readonly client: FunctionClient;
  readonly server: LambdaServer;
}

/** A client of a Lambda function whose first call meets `fault` during an interruption. */
async function interruptedDuring(fault: NonNullable<LambdaServerFault['fault']>): Promise<Interrupted> {
  const server = await startFunctionServer();
  servers.push(server);
  const stopping = new AbortController();
  server.inject({ operation: 'Invoke', fault, meanwhile: () => stopping.abort(interrupted()) });
  const client = new FunctionClient({
    function: server.client(),
    clock: systemClock,
    random: systemRandom,
    policy: POLICY,
    interruption: { signal: stopping.signal, clock: systemClock, cleanUps: new CleanUps() },
  });
  return { client, server };
}

const THROTTLED = { kind: 'refuse', status: 429, code: 'TooManyRequestsException' } as const;

describe('a client that is interrupted during a call', () => {
  test.each([
    { fault: { kind: 'silent' } as const },
    { fault: { kind: 'lost-request' } as const },
    { fault: THROTTLED },
  ])('that reads waits for nothing, and calls no more: $fault.kind', async ({ fault }) => {
    const { client, server } = await interruptedDuring(fault);
    await expect(client.call({ operation: 'read', username: 'alice' })).rejects.toMatchObject({ kind: 'interrupted' });
    // Aborts what is still under way, which then looks like a call to repeat.
    client.close();
    await sleep(200);
    expect(server.counts.Invoke).toBe(1);
  });

  test('that writes, and certainly did not run, does not send it again', async () => {
    const { client, server } = await interruptedDuring(THROTTLED);
    await expect(client.write(WRITE)).rejects.toMatchObject({ kind: 'interrupted' });
    expect(server.counts.Invoke).toBe(1);
    client.close();
  });

  test('that writes, and whose reply is lost, looks whether the note is there', async () => {
    const { client, server } = await interruptedDuring({ kind: 'lost-reply' });
    expect((await client.write(WRITE)).result).toMatchObject({ outcome: 'committed', guid: WRITE.guid });
    expect(server.counts.Invoke).toBe(2);
    client.close();
  });
});
