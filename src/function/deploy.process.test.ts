import { afterEach, expect, test } from 'vitest';
import { CleanUps } from '../core/clean-ups.ts';
import { interrupted } from '../core/interruptible.ts';
import { systemRandom } from '../core/random.ts';
import { type LambdaServer, startLambdaServer } from '../testing/lambda-server.ts';
import { openLocalFunction } from '../testing/local-function.ts';
import { SteppedClock } from '../testing/stepped-clock.ts';
import { FunctionClient } from './client.ts';
import { type DeployedFunction, deployFunction } from './deploy.ts';

let server: LambdaServer;

afterEach(() => server.close());

/** Deploys over a private function, on the test's own clock. */
async function deploying(
  script: (server: LambdaServer) => void,
  { clock, signal, onStep = () => {} }: { clock: SteppedClock; signal?: AbortSignal; onStep?: (step: string) => void },
): Promise<DeployedFunction> {
  server = await startLambdaServer({ name: 'javumbo-api', open: () => openLocalFunction() });
  script(server);
  const remote = server.client();
  const { code } = remote;
  if (code === undefined) throw new Error('a function in Lambda has code');
  const interruption = signal === undefined ? undefined : { signal, clock, cleanUps: new CleanUps() };
  const client = new FunctionClient({ function: remote, clock, random: systemRandom, interruption });
  const confirmForeign = async (): Promise<void> => {};
  return deployFunction(Buffer.from('new'), { client, code, clock, interruption, onStep, confirmForeign });
}

const FOR_EVER = Number.POSITIVE_INFINITY;

test('a function that never becomes ready has not been updated', async () => {
  const clock = new SteppedClock();
  const work = deploying((lambda) => (lambda.pendingDescriptions = FOR_EVER), { clock });
  await expect(clock.passUntil(work, 5_000)).rejects.toMatchObject({
    kind: 'unavailable',
    message: 'function "javumbo-api" is still being changed after 300 s (Pending)',
  });
  expect(server.counts).toMatchObject({ UpdateFunctionCode: 0, Invoke: 0 });
});

test('an update that was accepted and does not end is unknown', async () => {
  const clock = new SteppedClock();
  const work = deploying((lambda) => (lambda.nextUpdate = { descriptions: FOR_EVER }), { clock });
  await expect(clock.passUntil(work, 5_000)).rejects.toMatchObject({
    kind: 'unknown',
    message: 'function "javumbo-api" is still being changed after 300 s (InProgress)',
  });
  expect(server.counts.UpdateFunctionCode).toBe(1);
});

test.each([
  { when: /^looking at/, message: 'interrupted', updates: 0 },
  { when: /^sending/, message: 'interrupted', updates: 0 },
  { when: /^waiting/, message: 'interrupted; the update of function "javumbo-api" continues', updates: 1 },
])('interrupted at $when it says whether anything goes on', async ({ when, message, updates }) => {
  const clock = new SteppedClock();
  const stopping = new AbortController();
  const work = deploying((lambda) => (lambda.nextUpdate = { descriptions: FOR_EVER }), {
    clock,
    signal: stopping.signal,
    onStep: (step) => {
      if (when.test(step)) stopping.abort(interrupted());
    },
  });
  await expect(clock.passUntil(work, 10)).rejects.toMatchObject({ kind: 'interrupted', message });
  expect(server.counts.UpdateFunctionCode).toBe(updates);
});
