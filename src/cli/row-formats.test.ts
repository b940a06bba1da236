import { describe, expect, test } from 'vitest';
import type { Cell } from './cells.ts';
import { type RowFormat, rowWriter, type Screen } from './row-formats.ts';

async function written(
  format: RowFormat | undefined,
  head: readonly string[],
  batches: readonly (readonly (readonly Cell[])[])[],
  screen: Screen = {},
): Promise<string> {
  const write = await rowWriter(head, format, screen);
  return batches.map(write).join('');
}

const HEAD = ['id', 'text'];
const AWKWARD: readonly (readonly Cell[])[] = [
  [1, 'a,b "c"'],
  [2, 'one\r\ntwo'],
  [3, ''],
  [4, null],
  [5, { base64: 'AAE=' }],
  [6, '::set-output::x'],
];

describe('in a pipe', () => {
  test.each<{ format: RowFormat | undefined; text: string }>([
    {
      format: 'csv',
      text: 'id,text\r\n1,"a,b ""c"""\r\n2,"one\r\ntwo"\r\n3,""\r\n4,\r\n5,AAE=\r\n6,"::set-output::x"\r\n',
    },
    {
      format: 'tsv',
      text: '1\ta,b "c"\n2\tone\\r\\ntwo\n3\t\n4\t\n5\tAAE=\n6\t::set-output::x\n',
    },
    {
      format: 'jsonl',
      text: '{"id":1,"text":"a,b \\"c\\""}\n{"id":2,"text":"one\\r\\ntwo"}\n{"id":3,"text":""}\n{"id":4,"text":null}\n{"id":5,"text":{"base64":"AAE="}}\n{"id":6,"text":"::set-output::x"}\n',
    },
    {
      format: 'markdown',
      text: '| id | text |\n| ---: | --- |\n| 1 | a,b "c" |\n| 2 | one two |\n| 3 |  |\n| 4 | NULL |\n| 5 | (2 bytes) |\n| 6 | ::set-output::x |\n',
    },
    {
      format: 'line',
      text: 'id    1\ntext  a,b "c"\n\nid    2\ntext  one␍␊two\n\nid    3\ntext\n\nid    4\ntext  NULL\n\nid    5\ntext  (2 bytes)\n\nid    6\ntext  ::set-output::x\n',
    },
    {
      format: 'table',
      text: 'id  text\n 1  a,b "c"\n 2  one␍␊two\n 3\n 4  NULL\n 5  (2 bytes)\n 6  ::set-output::x\n',
    },
  ])('$format, whatever the batches', async ({ format, text }) => {
    expect(await written(format, HEAD, [AWKWARD])).toBe(text);
    expect(await written(format, HEAD, [AWKWARD.slice(0, 2), AWKWARD.slice(2)])).toBe(text);
  });

  test('an object of jsonl has its members in the order of the columns', async () => {
    expect(await written('jsonl', ['b', '2', '1', '__proto__'], [[[1, 2, 3, undefined]]])).toBe(
      '{"b":1,"2":2,"1":3,"__proto__":null}\n',
    );
  });

  test('tab-separated lines are the default', async () => {
    expect(await written(undefined, HEAD, [AWKWARD])).toBe(await written('tsv', HEAD, [AWKWARD]));
  });

  test('a table is as wide as its values, and cuts none', async () => {
    expect(await written('table', ['a'], [[['x'.repeat(500)]]])).toBe(`a\n${'x'.repeat(500)}\n`);
  });

  test.each<{ format: RowFormat; text: string }>([
    { format: 'csv', text: 'a\r\n' },
    { format: 'table', text: 'a\n' },
    { format: 'markdown', text: '| a |\n| --- |\n' },
    { format: 'jsonl', text: '' },
    { format: 'tsv', text: '' },
    { format: 'line', text: '' },
  ])('no rows are no rows as $format', async ({ format, text }) => {
    expect(await written(format, ['a'], [[]])).toBe(text);
  });

  test('what would be another column or tag in Markdown is text', async () => {
    expect(await written('markdown', ['a|b'], [[['<b>|`*_\\']]])).toBe(
      '| a\\|b |\n| --- |\n| &lt;b&gt;\\|\\`\\*\\_\\\\ |\n',
    );
  });

  test('a line that begins as a command of a CI is none', async () => {
    expect(await written('table', ['a'], [[['::error::x']]])).toBe('a\n\\u003a:error::x\n');
  });
});

describe('on a terminal', () => {
  const batch = (width: number): (readonly Cell[])[] => [[1_700_000_000_000, 10n ** BigInt(width - 1)].map(String)];

  test('rows are a table while no number is cut, and lines from then on', async () => {
    const text = await written(undefined, ['a', 'b'], [batch(5), batch(15), batch(16)], { columns: 30 });
    expect(text).toBe(
      [
        'a              b',
        '1700000000000  10000',
        '1700000000000  100000000000000',
        '',
        'a  1700000000000',
        'b  1000000000000000',
        '',
      ].join('\n'),
    );
  });

  test('no format sends what drives it', async () => {
    for (const format of ['table', 'line', 'csv', 'tsv', 'jsonl', 'markdown'] as const) {
      const text = await written(format, ['\u001b[2J'], [[['\u001b]0;x\u0007\u202e']]], { columns: 80 });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
      expect(text.replaceAll('\r\n', '\n'), format).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
  });
});
