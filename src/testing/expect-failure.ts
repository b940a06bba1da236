import { expect } from 'vitest';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Expects a failure as people see it: nothing on stdout, an `error:` line, a `try:` line, no stack trace. */
export function expectFailure(
  { code, stdout, stderr }: Ended,
  expected: { code: number; error: RegExp; hint?: RegExp },
): void {
  const lines = stderr.trimEnd().split('\n');
  const errors = lines.filter((line) => line.startsWith('error:'));
  const hints = lines.filter((line) => line.startsWith('try:'));
  expect({ code, stdout, errors, hints, stack: lines.filter((line) => /^\s+at /.test(line)) }).toEqual({
    code: expected.code,
    stdout: '',
    errors: [expect.stringMatching(expected.error)],
    hints: [expect.stringMatching(expected.hint ?? /^try: {3}\S/)],
    stack: [],
  });
}
