import { JavumboError } from './failure.ts';

/** Parses `171ms`, `0.5s` or `20` (milliseconds) to milliseconds. */
export function milliseconds(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text.trim());
  if (match === null) return undefined;
  return Number(match[1]) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[(match[2] ?? 'ms') as 'ms' | 's' | 'm' | 'h'];
}

/** Like `milliseconds`, but not zero. */
export function positiveMilliseconds(text: string): number | undefined {
  const value = milliseconds(text);
  return value === 0 ? undefined : value;
}

/** Parses a number of seconds, such as `300` or `0.5`. */
export function seconds(text: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
}

/** Parses a duration if one was given. Throws `usage`, naming its flag or variable, for an invalid one. */
export function parsedDuration(
  text: string | undefined,
  name: string,
  parse: (text: string) => number | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === undefined) {
    const example = parse === seconds ? '300' : parse === milliseconds ? '171ms' : '15s';
    throw new JavumboError('usage', `${name} is not a duration: ${JSON.stringify(text)}`, {
      try: `${name} ${example}`,
    });
  }
  return value;
}
