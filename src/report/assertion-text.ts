import type { Assertion, Check } from './document.ts';

/** Returns what an assertion claims and, if it does not hold, what was expected and what came. */
export function assertionText({ name, passed, expected, actual }: Assertion): string {
  if (passed || expected === undefined) return name;
  return `${name}: expected ${shown(expected)}, got ${shown(actual)}`;
}

/** Returns why a check failed: the assertions that do not hold, else what ended it. */
export function failureTexts({ reason = '', assertions }: Check): string[] {
  const failed = assertions.filter(({ passed }) => !passed);
  // Without an exception, the reason only names what the assertions say in full.
  const thrown = reason === failed.map(({ name }) => name).join('; ') ? [] : [reason];
  return [...thrown, ...failed.map(assertionText)];
}

function shown(value: string | number | boolean | undefined): string {
  return value === '' ? 'nothing' : String(value);
}
