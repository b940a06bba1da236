import { describe, expect, test } from 'vitest';
import { jsonText, noCommand, outgoing, tsvField, visible } from './format.ts';

const DRIVING = [
  { name: 'an escape sequence', text: 'a\u001b[2Jb' },
  { name: 'the window title', text: '\u001b]0;title\u0007' },
  { name: 'a C1 control', text: 'a\u009b31mb' },
  { name: 'a carriage return', text: 'safe\rtampered' },
  { name: 'backspaces', text: 'abc\b\b\b' },
  { name: 'delete', text: 'a\u007f' },
  { name: 'a right-to-left override', text: 'file\u202egpj.exe' },
  { name: 'an isolate', text: 'a\u2066b\u2069' },
  { name: 'an Arabic letter mark', text: 'a\u061cb' },
  { name: 'a line separator', text: 'a\u2028::error::b' },
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come out
const DRIVES = /[\u0000-\u0008\u000b-\u001e\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

describe('foreign text drives no terminal', () => {
  test.each(DRIVING)('with $name', ({ text }) => {
    expect(visible(text)).not.toMatch(DRIVES);
    expect(tsvField(text)).not.toMatch(DRIVES);
    expect(outgoing(text)).not.toMatch(DRIVES);
    expect(jsonText({ text }, 2)).not.toMatch(DRIVES);
    expect(JSON.parse(jsonText({ text })).text).toBe(text);
  });

  test('and other text stays as it is, in every script', () => {
    for (const text of ['der Hund', 'שלום', 'مرحبا', '日本語', '👩‍🚀', 'a\u0301', 'naïve', 'a\u200db']) {
      expect([visible(text), tsvField(text), outgoing(text)]).toEqual([text, text, text]);
      expect(jsonText(text)).toBe(JSON.stringify(text));
    }
  });
});

test('the separator of fields stays in a pipe', () => {
  expect(tsvField('front\u001fback')).toBe('front\u001fback');
});

test('our own colours and line ends stay', () => {
  expect(outgoing('\u001b[1mname\u001b[22m: x\nnext')).toBe('\u001b[1mname\u001b[22m: x\nnext');
  expect(outgoing('\u001b[1Jname')).toBe('␛[1Jname');
});

describe('no line is a command of a CI', () => {
  test.each([
    ['::error::x', '\\u003a:error::x'],
    ['  ::set-output name=a::b', '  \\u003a:set-output name=a::b'],
    ['\t::stop-commands::x', '\t\\u003a:stop-commands::x'],
    ['a ::error::x', 'a ::error::x'],
    [':one', ':one'],
  ])('%j is %j', (line, written) => {
    expect(noCommand(line)).toBe(written);
    expect(noCommand(visible(line)).trimStart().startsWith('::')).toBe(false);
  });

  test('in a text of many lines', () => {
    expect(outgoing('a\n::error::b\n::c')).toBe('a\n\\u003a:error::b\n\\u003a:c');
  });
});
