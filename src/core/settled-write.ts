import { JavumboError, messageOf } from './failure.ts';
import { isRetryable, type Retries } from './retry.ts';

/** The outcome of a conditional write that may or may not have landed. */
export interface Unknown {
  readonly kind: 'unknown';
  readonly cause: Error;
}

/**
 * Why the write's target is read. `doubt`: a copy of the request may have landed or may still land. `refusal`: the only
 * copy sent was refused because of what is stored. `absence`: it was refused because nothing is stored. `throttle`: it
 * was rejected before its condition was checked.
 */
export type LookReason = 'doubt' | 'refusal' | 'absence' | 'throttle';

export interface ConditionalWrite<Outcome extends { readonly kind: string }, Seen> {
  /** Sends one copy. Throws if it was certainly not accepted, `retryable` if sending it again may help. */
  readonly send: () => Promise<Outcome | Unknown>;
  /** Says why the condition did not hold; undefined for any other outcome. */
  readonly refusal: (outcome: Outcome) => 'refusal' | 'absence' | undefined;
  /** True to return the refusal of an only copy unchanged, for a caller that looks itself. */
  readonly callerLooks: boolean;
  /** Reads what is stored now. Throws `unavailable`. */
  readonly look: () => Promise<Seen>;
  /** Derives the write's fate from that; `resend` if no copy has landed. */
  readonly judge: (seen: Seen, reason: LookReason) => Outcome | 'resend' | 'unknown';
}

/**
 * Sends a conditional write until its fate is known, and never reports more than that.
 *
 * The request is resent only while none of its copies has landed, and its condition can hold only once. Copies are not
 * only those we send: something on the way may repeat a request or deliver it late. So the write itself may be the
 * cause of its own refusal, and of a reply that rejects it; only reading what is stored decides. What that cannot
 * decide, or not within the attempts, is `unknown`.
 */
export async function settledWrite<Outcome extends { readonly kind: string }, Seen>(
  write: ConditionalWrite<Outcome, Seen>,
  retries: Retries,
): Promise<Outcome | Unknown> {
  // Set once a copy may have landed.
  let doubt: Error | undefined;
  let failure: JavumboError | undefined;
  for (let attempt = 1; attempt <= retries.attemptsMax; attempt++) {
    if (attempt > 1) await retries.backOff(attempt - 1, doubt ?? failure);
    let reason: LookReason;
    try {
      const outcome = await write.send();
      let refusal = isUnknown(outcome) ? undefined : write.refusal(outcome);
      // A rejected copy may have had a twin that landed and has been deleted since.
      const twin = refusal === 'absence' && failure?.sent === true;
      if (twin) refusal = 'refusal';
      if (isUnknown(outcome)) doubt = outcome.cause;
      else if (refusal === undefined || (doubt === undefined && write.callerLooks && !twin)) return outcome;
      reason = doubt === undefined && refusal !== undefined ? refusal : 'doubt';
    } catch (error) {
      if (!isRetryable(error)) {
        if (doubt !== undefined) return { kind: 'unknown', cause: doubt };
        if (failure?.sent === true) {
          const judged = await lookAndJudge(write, 'throttle', failure);
          if (judged === 'resend') throw error;
          return judged;
        }
        return outcomeDespite(write, error);
      }
      if (failure === undefined || error.sent || !failure.sent) failure = error;
      // A resend will be accepted, or refused and then looked into. Only before giving up is an extra look needed.
      if (attempt < retries.attemptsMax || doubt !== undefined || !failure.sent) continue;
      reason = 'throttle';
    }
    const judged = await lookAndJudge(write, reason, doubt ?? failure);
    if (judged !== 'resend') return judged;
  }
  if (doubt !== undefined) return { kind: 'unknown', cause: doubt };
  throw failure ?? new JavumboError('unavailable', 'the store refuses a write over what it holds', { sent: true });
}

/**
 * Returns the outcome of a write to which a refusal was the reply. Without a code of the service it may be the page of
 * something on the way, after the store has done its work. Throws the refusal where nothing of the write is to be seen, and where the look is
 * refused as well: who answers that way passes nothing on.
 */
async function outcomeDespite<Outcome extends { readonly kind: string }, Seen>(
  { look, judge }: ConditionalWrite<Outcome, Seen>,
  refusal: unknown,
): Promise<Outcome | Unknown> {
  if (!(refusal instanceof JavumboError) || !refusal.sent || !refusal.unnamed) throw refusal;
  let seen: Seen;
  try {
    seen = await look();
  } catch (error) {
    if (error instanceof JavumboError && !isRetryable(error)) throw refusal;
    const cause = new Error(`${refusal.message}, and then ${messageOf(error)}`, { cause: refusal });
    return { kind: 'unknown', cause };
  }
  const judged = judge(seen, 'throttle');
  if (judged === 'unknown') return { kind: 'unknown', cause: refusal };
  if (judged === 'resend' || isRefused(judged)) throw refusal;
  return judged;
}

function isRefused({ kind }: { readonly kind: string }): boolean {
  return kind === 'conflict' || kind === 'absent' || kind === 'exists';
}

function isUnknown<Outcome extends { readonly kind: string }>(outcome: Outcome | Unknown): outcome is Unknown {
  return outcome.kind === 'unknown';
}

async function lookAndJudge<Outcome extends { readonly kind: string }, Seen>(
  { look, judge }: ConditionalWrite<Outcome, Seen>,
  reason: LookReason,
  before: Error | undefined,
): Promise<Outcome | Unknown | 'resend'> {
  let seen: Seen;
  try {
    seen = await look();
  } catch (error) {
    const first = before === undefined ? 'it was refused' : messageOf(before);
    return { kind: 'unknown', cause: new Error(`${first}, and then ${messageOf(error)}`, { cause: before ?? error }) };
  }
  const judged = judge(seen, reason);
  if (judged !== 'unknown') return judged;
  return { kind: 'unknown', cause: before ?? new Error('it was refused, and what is stored now does not show why') };
}
