import { describe, expect, test } from 'vitest';
import { DEFECTS, type DefectName, seededHistory } from '../testing/seeded-histories.ts';
import { formatHistory } from './history.ts';
import { judge } from './judge.ts';
import { formatAnomalies } from './rules.ts';

/**
 * Seeded histories, sound ones and ones with a single defect. `JAVUMBO_HISTORIES=10000` judges that many of each kind.
 */
const HISTORIES = Number(process.env.JAVUMBO_HISTORIES ?? 300);
const TIMEOUT_MS = 120_000 + HISTORIES * 100;

const seeds = Array.from({ length: HISTORIES }, (_, seed) => seed);

describe('the checker judges seeded histories:', () => {
  test(
    'each sound one is sound, and none is undetermined',
    () => {
      const misjudged: string[] = [];
      let undetermined = 0;
      for (const seed of seeds) {
        const history = seededHistory(seed);
        const judgement = judge(history);
        if (judgement.undetermined) undetermined++;
        if (judgement.anomalies.length > 0) {
          misjudged.push(`seed ${seed}: ${formatAnomalies(judgement.anomalies)}\n${formatHistory(history)}`);
        }
      }
      print(`${HISTORIES} sound: ${misjudged.length} misjudged, ${undetermined} undetermined`);
      expect(misjudged.slice(0, 1).join('\n')).toBe('');
      expect(undetermined).toBe(0);
    },
    TIMEOUT_MS,
  );

  test.each(Object.keys(DEFECTS) as DefectName[])(
    'each in which %s is broken',
    (defect) => {
      const missed: string[] = [];
      let [undetermined, witnesses, largest] = [0, 0, 0];
      for (const seed of seeds) {
        const history = seededHistory(seed, defect);
        const judgement = judge(history);
        if (judgement.undetermined) undetermined++;
        else if (judgement.anomalies.length === 0) missed.push(`seed ${seed}:\n${formatHistory(history)}`);
        const smallest = Math.min(...judgement.anomalies.map((anomaly) => anomaly.witnesses.length));
        witnesses += smallest;
        largest = Math.max(largest, smallest);
      }
      print(
        `${HISTORIES} in which ${defect}: ${missed.length} missed, ${undetermined} undetermined, ` +
          `${(witnesses / HISTORIES).toFixed(1)} operations show it, ${largest} at most`,
      );
      expect(missed.slice(0, 1).join('\n')).toBe('');
      expect(undetermined).toBe(0);
    },
    TIMEOUT_MS,
  );
});

function print(line: string): void {
  process.stderr.write(`checker: ${line}\n`);
}
