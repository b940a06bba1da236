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
  readonly interruption?: InterruptibleOptions | undefined;
  /** Called with what is being waited for. */
  readonly onStep: (step: string) => void;
  /** Called, with the reason, before code is replaced that does not answer as ours. Throws to keep that code. */
  readonly confirmForeign: (reason: string) => Promise<void>;
}

export interface DeployedFunction {
  readonly outcome: 'updated' | 'unchanged';
  readonly name: string;
  /** Base64, like Lambda's. */
  readonly codeSha256: string;
  readonly codeSizeBytes: number;
  /** The code before; its version if it answered as ours. */
  readonly previous: { readonly codeSha256: string | null; readonly version: string | null };
  /** The deployed code's answer to `ping`. */
  readonly answer: FunctionAnswer<'ping'>;
}

const POLL_MS = 1_000;
// A function is updated within seconds; with a VPC it can take minutes.
const SETTLED_MAX_MS = 300_000;

/**
 * Replaces the code of a function, and returns once the new code has answered. Replaces code that does not answer as
 * ours only if `confirmForeign` returns, and does not replace identical code.
 *
 * Throws, before any change, like `describe` and `replace`; `conflict` if someone else deployed meanwhile; `violation`
 * if Lambda could not update the function, and what calling the new code fails with; `unknown` if the update was
 * accepted but did not finish in time.
 */
export async function deployFunction(zip: Uint8Array, options: DeployOptions): Promise<DeployedFunction> {
  const { client, onStep, confirmForeign, interruption } = options;
  const { name } = client.function;
  const codeSha256 = createHash('sha256').update(zip).digest('base64');
  const deployed = { name, codeSha256, codeSizeBytes: zip.length };
  onStep(`looking at function "${name}"`);
  const asked = await settled(options, () => true, 'unavailable');
  const asking = await ask(client);
  // Described again: calling a function that was idle for weeks wakes it, which changes it.
  const before = await settled(options, () => true, 'unavailable');
  if (before.codeSha256 !== asked.codeSha256) throw otherDeployer(name);
  const previous = {
    codeSha256: before.codeSha256 ?? null,
    version: asking instanceof JavumboError ? null : asking.version,
  };
  // Code left by a failed update is not running, whatever its hash.
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
      `function "${name}": interrupted while its code was being replaced: it is not known whether it was`,
      { try: 'javumbo function describe', cause: answer.cause },
    );
  }
  try {
    return { ...deployed, outcome: 'updated', previous, answer: await updated(before, codeSha256, options) };
  } catch (error) {
    if (!(error instanceof JavumboError) || error.kind !== 'interrupted') throw error;
    throw new JavumboError('interrupted', `interrupted; the update of function "${name}" continues`, {
      try: 'javumbo function describe',
      cause: error,
    });
  }
}

/** Returns the code's answer, or why there is none. Code that does not answer counts as foreign. */
async function ask(client: FunctionClient): Promise<FunctionAnswer<'ping'> | JavumboError> {
  try {
    return await client.call({ operation: 'ping' });
  } catch (error) {
    if (!(error instanceof JavumboError) || error.kind === 'interrupted') throw error;
    return error;
  }
}

/** Waits for the update to finish, and calls the new code. */
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

/** True if a description is newer than an update, whoever made it. */
function isReplaced(before: FunctionDescription, now: FunctionDescription, codeSha256: string): boolean {
  if (now.revisionId !== before.revisionId) return true;
  return now.codeSha256 === codeSha256 && before.codeSha256 !== codeSha256;
}

/** Replaces the code. A description settles a lost reply, or one to a repeated request. */
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

/** Waits until the function is not being changed and `isSeen` accepts its description as recent enough. */
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
