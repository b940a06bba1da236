import { InvalidArgumentError } from 'commander';
import { isNumber, milliseconds } from '../core/duration.ts';
import { bytesIn } from '../core/size.ts';

// What the command line accepts. Each parser throws what commander reports with the name of the option.

/** A whole number from 0. */
export const parseCount = wholeNumber(0, 999_999_999);

/** A whole number from 1. */
export const parsePositive = wholeNumber(1, 9_999_999);

/** How many test users to make. Each is stored, and removed in the end. */
export const parseUsers = wholeNumber(1, 10_000);

/** The id of a note. */
export const parseNoteId = wholeNumber(1, Number.MAX_SAFE_INTEGER);

function wholeNumber(least: 0 | 1, most: number): (text: string) => number {
  const pattern = least === 0 ? /^\d+$/ : /^[1-9]\d*$/;
  return (text) => {
    const value = pattern.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const to = value > most ? ` to ${most.toLocaleString('en-US')}` : '';
    throw new InvalidArgumentError(`It must be a whole number from ${least}${to}.`);
  };
}

/** `10` or `10%`. */
export function parsePercentage(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?%?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be a percentage such as 10%.');
  return Number(match[1]);
}

/** How old something is, in milliseconds: `1h`, `30m`. */
export const parseAge = durationFrom(0, '1h or 30m');

/** How long a lease lasts, in milliseconds: `5s`. */
export const parseLeaseTtl = durationFrom(1, '5s');

/** A time to work, in milliseconds: `60s`. */
export const parseWorkTime = durationFrom(1, '60s or 5m');

function durationFrom(leastMs: 0 | 1, example: string): (text: string) => number {
  return (text) => {
    const duration = milliseconds(text);
    if (duration !== undefined && duration >= leastMs) return duration;
    throw new InvalidArgumentError(unitless(text, ['ms', 's']) ?? `It must be a duration such as ${example}.`);
  };
}

/** A size in bytes: `1.5 GB`, `1500MB`. */
export function parseSize(text: string): number {
  const bytes = bytesIn(text);
  if (bytes !== undefined) return bytes;
  throw new InvalidArgumentError(unitless(text, ['B', 'MB']) ?? 'It must be a size such as 1500MB.');
}

/** What to say of a number that may mean two things; undefined for anything else. */
function unitless(text: string, [small, large]: readonly [string, string]): string | undefined {
  if (!isNumber(text) || Number(text) === 0) return undefined;
  return `It needs a unit: ${text.trim()}${small} or ${text.trim()}${large}.`;
}

/** `<format>=<file>` with one of these formats. */
export function reportTarget<F extends string>(
  formats: readonly [F, ...F[]],
): (text: string) => { readonly format: F; readonly file: string } {
  return (text) => {
    const format = formats.find((each) => text.startsWith(`${each}=`));
    const file = text.slice(text.indexOf('=') + 1);
    if (format !== undefined && file !== '') return { format, file };
    const forms = formats.map((each) => `${each}=<file>`);
    throw new InvalidArgumentError(
      `It must be ${[forms.slice(0, -1).join(', '), ...forms.slice(-1)].filter((form) => form !== '').join(' or ')}.`,
    );
  };
}

const ADDING = new WeakSet<object>();

/** True for the parser of an option that may be given several times. */
export function addsToPrevious(parser: object | undefined): boolean {
  return parser !== undefined && ADDING.has(parser);
}

function adding<T>(parse: (text: string) => readonly T[]): (text: string, previous?: readonly T[]) => readonly T[] {
  const parser = (text: string, previous: readonly T[] = []): readonly T[] => [...previous, ...parse(text)];
  ADDING.add(parser);
  return parser;
}

/** Numbers of tests with commas between them, added to those of earlier options. */
export const parseTestNumbers = adding((text) => {
  const numbers = text.split(',').map((number) => number.trim());
  if (numbers.some((number) => number === '')) throw new InvalidArgumentError('It must be the number of a test.');
  return numbers;
});

/** An option that may be given several times. */
export function repeated<T>(parse: (text: string) => T): (text: string, previous?: readonly T[]) => readonly T[] {
  return adding((text) => [parse(text)]);
}

/** Several texts, from an option given several times. */
export const parseTexts = repeated((text) => text);

/** Names with commas between them, added to those of earlier options. */
export const parseNames = adding((text) => {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw new InvalidArgumentError('It must be names with commas between them.');
  return names;
});

/** Requests per second: `20/s`. */
export function parseRate(text: string): number {
  const rate = /^(\d{1,6}(?:\.\d+)?) ?\/ ?s$/.exec(text)?.[1];
  if (rate === undefined || Number(rate) <= 0) throw new InvalidArgumentError('It must be a rate such as 20/s.');
  return Number(rate);
}

/** How often users read and write, as weights: `read=70,write=30`. What is not named never happens. */
export function parseMix(text: string): { readonly read: number; readonly write: number } {
  const mix = { read: 0, write: 0 };
  for (const part of text.split(',')) {
    const [, name, weight] = /^(read|write)=(\d{1,6})$/.exec(part.trim()) ?? [];
    if (name === undefined) throw new InvalidArgumentError('It must be a mix such as read=70,write=30.');
    mix[name as 'read' | 'write'] = Number(weight);
  }
  if (mix.read + mix.write === 0) throw new InvalidArgumentError('It must be a mix such as read=70,write=30.');
  return mix;
}

/** The exponent of a Zipf distribution: 0 to 10. */
export function parseSkew(text: string): number {
  const skew = /^\d{1,2}(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(skew <= 10)) throw new InvalidArgumentError('It must be a number from 0 to 10, such as 1.0.');
  return skew;
}
