import { JavumboError, messageOf } from './failure.ts';
import { isRetryable, type Retries } from './retry.ts';

/** An ending that every conditional write may have: it may have landed, and nobody can tell. */
export interface Unknown {
  readonly kind: 'unknown';
  readonly cause: Error;
}

/**
 * Why somebody looks at what a conditional write was to change. `doubt`: a copy of the request may have landed, or may
 * still. `refusal`: the only copy that this machine sent was refused for what was there. `absence`: it was refused because
 * nothing was there. `throttle`: it was turned away without a look at its condition.
 */
export type LookReason = 'doubt' | 'refusal' | 'absence' | 'throttle';

export interface ConditionalWrite<Outcome extends { readonly kind: string }, Seen> {
  /** Sends one copy of the request. Throws where it was certainly not accepted: `retryable` where sending it again can help. */
  readonly send: () => Promise<Outcome | Unknown>;
  /** Why an outcome says that the condition did not hold; undefined of any other. */
  readonly refusal: (outcome: Outcome) => 'refusal' | 'absence' | undefined;
  /** True where a refusal of the only copy is returned as it is, for a caller that looks by itself. */
  readonly callerLooks: boolean;
  /** Reads what is there now. Throws `unavailable`. */
  readonly look: () => Promise<Seen>;
  /** What that says of the write; `resend` where no copy of it has landed. */
  readonly judge: (seen: Seen, reason: LookReason) => Outcome | 'resend' | 'unknown';
}

/**
 * Sends a conditional write until its fate is known, and says nothing that is not true.
 *
 * The same request is sent again as long as none of its copies has landed: its condition holds once at the most. A copy is
 * not only what this machine sends: something between it and the store may repeat a request, or deliver it late. So a
 * refusal may be the write's own doing, and so may a reply that turns it away; only a look at what is there decides.
 * What cannot be decided, or not within the attempts, is `unknown`.
 */
export async function settledWrite<Outcome extends { readonly kind: string }, Seen>(
  write: ConditionalWrite<Outcome, Seen>,
  retries: Retries,
): Promise<Outcome | Unknown> {
  // Set from the first copy on that may have landed.
  let doubt: Error | undefined;
  let failure: JavumboError | undefined;
  for (let attempt = 1; attempt <= retries.attemptsMax; attempt++) {
    if (attempt > 1) await retries.backOff(attempt - 1, doubt ?? failure);
    let reason: LookReason;
    try {
      const outcome = await write.send();
      let refusal = isUnknown(outcome) ? undefined : write.refusal(outcome);
      // A copy that was turned away may have had a twin that landed, and was deleted since.
      const twin = refusal === 'absence' && failure?.sent === true;
      if (twin) refusal = 'refusal';
      if (isUnknown(outcome)) doubt = outcome.cause;
      else if (refusal === undefined || (doubt === undefined && write.callerLooks && !twin)) return outcome;
      reason = doubt === undefined && refusal !== undefined ? refusal : 'doubt';
    } catch (error) {
      if (!isRetryable(error)) {
        if (doubt !== undefined) return { kind: 'unknown', cause: doubt };
        if (failure?.sent !== true) throw error;
        const judged = await lookAndJudge(write, 'throttle', failure);
        if (judged === 'resend') throw error;
        return judged;
      }
      if (failure === undefined || error.sent || !failure.sent) failure = error;
      // Sent again, it is accepted, or refused, and looked for then. Before giving up there is nothing but a look.
      if (attempt < retries.attemptsMax || doubt !== undefined || !failure.sent) continue;
      reason = 'throttle';
    }
    const judged = await lookAndJudge(write, reason, doubt ?? failure);
    if (judged !== 'resend') return judged;
  }
  if (doubt !== undefined) return { kind: 'unknown', cause: doubt };
  throw failure ?? new JavumboError('unavailable', 'the store refuses a write over what it holds', { sent: true });
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
  return { kind: 'unknown', cause: before ?? new Error('it was refused, and what is there does not say by whom') };
}
