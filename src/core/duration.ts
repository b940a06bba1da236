import { JavumboError } from './failure.ts';

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

/** Parses `171ms`, `0.5s`, `2h` or `1d` to milliseconds. Zero alone needs no unit; undefined for anything else. */
export function milliseconds(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|[smhdw])?$/.exec(text.trim()) ?? [];
  if (number === undefined || (unit === undefined && Number(number) !== 0)) return undefined;
  return Number(number) * UNITS[(unit ?? 'ms') as keyof typeof UNITS];
}

/** Like `milliseconds`, but not zero. */
export function positiveMilliseconds(text: string): number | undefined {
  return milliseconds(text) || undefined;
}

/** Parses a duration to seconds; a number without a unit is one of seconds, as it always was for a time to live. */
export function seconds(text: string): number | undefined {
  if (isNumber(text)) return Number(text);
  const duration = milliseconds(text);
  return duration === undefined ? undefined : duration / 1_000;
}

/** True for a number without a unit. */
export function isNumber(text: string): boolean {
  return /^\d+(\.\d+)?$/.test(text.trim());
}

/** Parses a duration if one was given. Throws `usage`, naming its flag or variable, for an invalid one. */
export function parsedDuration(
  text: string | undefined,
  name: string,
  parse: (text: string) => number | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value !== undefined) return value;
  if (isNumber(text) && Number(text) !== 0) {
    throw new JavumboError('usage', `${name} ${text.trim()} has no unit`, {
      try: `${name} ${text.trim()}ms or ${name} ${text.trim()}s`,
    });
  }
  const example = parse === seconds ? '300' : parse === milliseconds ? '171ms' : '15s';
  throw new JavumboError('usage', `${name} is not a duration: ${JSON.stringify(text)}`, { try: `${name} ${example}` });
}
