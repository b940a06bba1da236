import { type Faults, OUTCOMES, type RecordedHistory } from './history-file.ts';

/** Returns the faults that never landed and the outcomes that never occurred: a run that met nothing proves nothing. */
export function missingIn(faults: Faults, outcomes: RecordedHistory['outcomes']): string[] {
  return [
    ...Object.entries(faults).flatMap(([name, { landed }]) => (landed === 0 ? [`fault ${name}`] : [])),
    ...OUTCOMES.flatMap((name) => (outcomes[name] === 0 ? [`outcome ${name}`] : [])),
  ];
}
