import type { Context } from '../core/context.ts';
import { messageOf } from '../core/failure.ts';
import type { Deployment } from '../deployment/deployment.ts';
import { UnsafeStores } from '../probes/unsafe-stores.ts';
import type { Verdict } from './verdict.ts';

/**
 * Records the shortest violation as doctor records its verdicts, so that this machine writes nothing there until doctor
 * finds the store sound. Returns what to warn of.
 */
export function recordViolation(
  { identity, config }: Pick<Deployment, 'identity' | 'config'>,
  { violations: [first] }: Verdict,
  { clock, random }: Pick<Context, 'clock' | 'random'>,
): string[] {
  if (first === undefined) return [];
  const foundAt = new Date(clock.now()).toISOString();
  const findings = [`${first.kind}: ${first.sentence}`];
  try {
    new UnsafeStores(config.home.value).record(identity, { store: identity, foundAt, findings }, random);
    return ['from now on this machine writes nothing there: javumbo doctor, once the store is fixed'];
  } catch (error) {
    return [`the violation could not be recorded: ${messageOf(error)}`];
  }
}
