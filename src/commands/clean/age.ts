import { InvalidArgumentError } from 'commander';
import { milliseconds } from '../../config/duration.ts';

/** Test data that is younger may belong to a run that is under way. */
export const MIN_AGE_HELP = 'leave what is younger, such as the data of runs under way (default: 0)';

/** `1h`, `30m`, `90`: a duration in milliseconds, with seconds where no unit is named. */
export function parseAge(text: string): number {
  const age = milliseconds(/^[\d.]+$/.test(text) ? `${text}s` : text);
  if (age === undefined) throw new InvalidArgumentError('It must be a duration such as 1h or 30m.');
  return age;
}
