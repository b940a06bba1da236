import { describe, expect, test } from 'vitest';
import type { Text } from '../core/scan.ts';
import { splitStatements } from '../sqlite/statements.ts';
import { CountedText } from '../testing/counted-text.ts';
import { clozeNumbers } from './cloze.ts';
import { mediaTagsToNames, withoutMarkup } from './html.ts';
import { canonicalTags } from './tags.ts';
import { tagBodies } from './template.ts';

interface Scanner {
  readonly name: string;
  readonly scan: (text: Text) => unknown;
  /** What opens something, closes it, or stands in between. */
  readonly parts: readonly string[];
}

const SCANNERS: readonly Scanner[] = [
  {
    name: 'taking media tags off a field',
    scan: mediaTagsToNames,
    parts: ['<', '>', '<img', '<img ', '<img src="', "<img src='", '<img src=', '"', "'", ' ', 'src=', 'data="x"', 'a'],
  },
  {
    name: 'taking markup off a field',
    scan: withoutMarkup,
    parts: ['<', '>', '<!--', '-->', '<style', '<style>', '</style>', '<script>', '</script', '</', '<b>', '-', 'a'],
  },
  {
    name: 'reading a template',
    scan: (text) => [...tagBodies(text, ['{{', '}}'])],
    parts: ['{', '{{', '}}', '{{#a}}', '{{/a}}', '<!--', '-->', '<', '}', 'a'],
  },
  {
    name: 'splitting a script',
    scan: splitStatements,
    parts: [
      "'",
      '"',
      '`',
      '[',
      ']',
      '--',
      '/*',
      '*/',
      '\n',
      ';',
      'SELECT 1;',
      'CREATE TRIGGER ',
      'END;',
      'a',
      '?',
      ' ',
    ],
  },
];

const COUNT = 300;

function stepsOf(scan: Scanner['scan'], text: string): number {
  const counted = new CountedText(text);
  scan(counted);
  return counted.steps;
}

describe.each(SCANNERS)('$name', ({ scan, parts }) => {
  const pairs = parts.flatMap((one) => ['', ...parts].map((other) => one + other));

  test('takes at most twice the steps for twice as many of any opener, and of any two in turn', () => {
    const slow = pairs.filter((opener) => {
      const once = stepsOf(scan, opener.repeat(COUNT));
      return stepsOf(scan, opener.repeat(2 * COUNT)) > 2.1 * once;
    });
    expect(slow).toEqual([]);
  });

  test('takes at most twice the steps for twice as much behind many openers', () => {
    const slow = pairs.filter((opener) => {
      const text = (count: number): string => parts.map((part) => part.repeat(count)).join('') + opener.repeat(count);
      return stepsOf(scan, text(2 * COUNT)) > 2.1 * stepsOf(scan, text(COUNT));
    });
    expect(slow).toEqual([]);
  });

  test('is what the count would see: a scan that starts anew at each opener fails it', () => {
    const anew = (text: Text): void => {
      for (let position = 0; position < text.length; position++) text.indexOf('\0', position);
    };
    expect(stepsOf(anew, 'a'.repeat(2 * COUNT))).toBeGreaterThan(2.1 * stepsOf(anew, 'a'.repeat(COUNT)));
  });
});

test('a cloze deletion may have as many numbers as fit into a field', () => {
  const numbers = Array.from({ length: 200_000 }, (_, index) => (index % 400) + 1).join(',');
  expect(clozeNumbers(`{{c1::{{c${numbers}::a}}}}`)).toHaveLength(400);
});

test('a tag may have as many levels as fit into an argument', () => {
  const tag = Array.from({ length: 30_000 }, () => 'a').join('::');
  expect(canonicalTags([`${tag}::b`], ['A', `B::${tag}`]).tags).toEqual([`A::${tag.slice(3)}::b`]);
});
