import type { History } from './history.ts';
import { shortest } from './minimal.ts';
import { orderOf } from './order.ts';
import { type Anomaly, check } from './rules.ts';

/** What a history of one database shows. */
export interface Judgement {
  readonly anomalies: readonly Anomaly[];
  /** The rules found nothing, and the search for an order was given up: neither proven nor refuted. */
  readonly undetermined: boolean;
}

/**
 * Judges a history: the rules find what contradicts itself in a few operations, and name it; where they find nothing, the
 * search looks for an order that explains everything.
 */
export function judge(history: History): Judgement {
  const anomalies = check(history);
  if (anomalies.length > 0) return { anomalies, undetermined: false };
  const verdict = orderOf(history);
  if (verdict.kind !== 'impossible') return { anomalies: [], undetermined: verdict.kind === 'undetermined' };
  const sentence = 'no order of these operations explains what was reported';
  return { anomalies: [{ name: 'impossible', sentence, witnesses: shortest(history) }], undetermined: false };
}
