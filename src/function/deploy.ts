import { createHash } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { JavumboError } from '../core/failure.ts';
import { type InterruptibleOptions, interruptibleWrite } from '../core/interruptible.ts';
import type { FunctionClient } from './client.ts';
import type { FunctionAnswer } from './protocol.ts';
import type { FunctionCode, FunctionDescription } from './remote-function.ts';

export interface DeployOptions {
  readonly client: FunctionClient;
  readonly code: FunctionCode;
  readonly clock: Clock;
  /** Undefined: nothing interrupts. */
  readonly interruption?: InterruptibleOptions | undefined;
  /** Told what is waited for. */
  readonly onStep: (step: string) => void;
  /** Asked before code is replaced that does not answer as ours, with the reason. Throws where it must stay. */
  readonly confirmForeign: (reason: string) => Promise<void>;
}

export interface DeployedFunction {
  readonly outcome: 'updated' | 'unchanged';
  readonly name: string;
  /** Base64, as Lambda has it. */
  readonly codeSha256: string;
  readonly codeSizeBytes: number;
  /** What was there; its version where it answered as ours. */
  readonly previous: { readonly codeSha256: string | null; readonly version: string | null };
  /** What the deployed code answered to `ping`. */
  readonly answer: FunctionAnswer<'ping'>;
}

const POLL_MS = 1_000;
// A function without a VPC is updated within seconds; with one it can take minutes.
const SETTLED_MAX_MS = 300_000;

/**
 * Replaces the code of a function, and returns when the new code has answered. Code that does not answer as ours is only
 * replaced when `confirmForeign` returns; code that is the same already is not replaced.
 *
 * Throws, before anything has changed, as `describe` and `replace` do; `conflict` where somebody else deployed meanwhile;
 * `violation` where Lambda could not update the function, and what the call of the new code fails with; `unknown` where
 * the update was accepted and has not ended in time.
 */
export async function deployFunction(zip: Uint8Array, options: DeployOptions): Promise<DeployedFunction> {
  const { client, onStep, confirmForeign, interruption } = options;
  const { name } = client.function;
  const codeSha256 = createHash('sha256').update(zip).digest('base64');
  const deployed = { name, codeSha256, codeSizeBytes: zip.length };
  onStep(`looking at function "${name}"`);
  const asked = await settled(options, () => true, 'unavailable');
  const asking = await ask(client);
  // Again: calling a function that was idle for weeks wakes it, which is a change.
  const before = await settled(options, () => true, 'unavailable');
  if (before.codeSha256 !== asked.codeSha256) throw otherDeployer(name);
  const previous = {
    codeSha256: before.codeSha256 ?? null,
    version: asking instanceof JavumboError ? null : asking.version,
  };
  // What a failed update has left behind is not running, whatever its hash.
  if (before.codeSha256 === codeSha256 && before.lastUpdateStatus !== 'Failed') {
    if (asking instanceof JavumboError) throw asking;
    return { ...deployed, outcome: 'unchanged', previous, answer: asking };
  }
  if (asking instanceof JavumboError) await confirmForeign(asking.message);
  interruption?.signal.throwIfAborted();
  onStep(`sending the package to function "${name}"`);
  const sending = (): Promise<void> => replaced(zip, before, codeSha256, options);
  const answer = await (interruption === undefined ? sending() : interruptibleWrite(interruption, name, sending));
  if (answer?.kind === 'unknown') {
    throw new JavumboError(
      'unknown',
      `function "${name}": interrupted while its code was being replaced: nobody can tell whether it was`,
      { try: 'javumbo function describe', cause: answer.cause },
    );
  }
  try {
    return { ...deployed, outcome: 'updated', previous, answer: await updated(before, codeSha256, options) };
  } catch (error) {
    if (!(error instanceof JavumboError) || error.kind !== 'interrupted') throw error;
    throw new JavumboError('interrupted', `interrupted, and function "${name}" goes on being updated`, {
      try: 'javumbo function describe',
      cause: error,
    });
  }
}

/** Whose code is there: what it answers, or why it does not. Code that cannot be asked counts as somebody else's. */
async function ask(client: FunctionClient): Promise<FunctionAnswer<'ping'> | JavumboError> {
  try {
    return await client.call({ operation: 'ping' });
  } catch (error) {
    if (!(error instanceof JavumboError) || error.kind === 'interrupted') throw error;
    return error;
  }
}

/** Waits for the end of the update, and calls the new code. */
async function updated(
  before: FunctionDescription,
  codeSha256: string,
  options: DeployOptions,
): Promise<FunctionAnswer<'ping'>> {
  const { client, onStep } = options;
  const { name } = client.function;
  onStep(`waiting until function "${name}" is updated`);
  const after = await settled(options, (now) => isReplaced(before, now, codeSha256), 'unknown');
  if (after.codeSha256 !== codeSha256) throw otherDeployer(name);
  if (after.lastUpdateStatus === 'Failed') {
    throw new JavumboError(
      'violation',
      `function "${name}" could not be updated: ${after.lastUpdateReason ?? 'Lambda gives no reason'}`,
      { try: "the function's settings, and the same command again" },
    );
  }
  onStep(`calling function "${name}"`);
  return client.call({ operation: 'ping' });
}

/** Whether a description is from after the update, of whoever it was. */
function isReplaced(before: FunctionDescription, now: FunctionDescription, codeSha256: string): boolean {
  if (now.revisionId !== before.revisionId) return true;
  return now.codeSha256 === codeSha256 && before.codeSha256 !== codeSha256;
}

/** Has the code replaced. A reply that was lost, or that answers a repeated request, is settled by a look. */
async function replaced(
  zip: Uint8Array,
  before: FunctionDescription,
  codeSha256: string,
  { client, code }: DeployOptions,
): Promise<void> {
  try {
    await code.replace(zip, before);
  } catch (error) {
    if (error instanceof JavumboError && error.kind === 'usage') throw error;
    const now = await client.function.describe().catch(() => undefined);
    if (now?.codeSha256 !== codeSha256 || !isReplaced(before, now, codeSha256)) throw error;
  }
}

/** The function when nothing of it is changing, and `isSeen` says that the description is no older than must be. */
async function settled(
  { client, clock, interruption, onStep }: DeployOptions,
  isSeen: (description: FunctionDescription) => boolean,
  late: 'unavailable' | 'unknown',
): Promise<FunctionDescription> {
  const { name } = client.function;
  const startedAt = clock.monotonic();
  for (;;) {
    const found = await client.describe();
    const { state, lastUpdateStatus } = found;
    const isChanging = state === 'Pending' || lastUpdateStatus === 'InProgress';
    if (!isChanging && isSeen(found)) return found;
    if (clock.monotonic() - startedAt >= SETTLED_MAX_MS) {
      throw new JavumboError(
        late,
        `function "${name}" is still being changed after ${SETTLED_MAX_MS / 1000} s (${state === 'Pending' ? state : lastUpdateStatus})`,
        { try: 'javumbo function describe, until its last update is Successful, and the same command again' },
      );
    }
    onStep(`waiting until function "${name}" is updated`);
    await clock.sleep(POLL_MS, interruption?.signal);
  }
}

function otherDeployer(name: string): JavumboError {
  return new JavumboError('conflict', `somebody else deployed other code to function "${name}" meanwhile`, {
    try: 'javumbo function describe, and the same command again',
  });
}
