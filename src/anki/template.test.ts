import { describe, expect, test } from 'vitest';
import { clozeNumbers } from './cloze.ts';
import { rendersWithFields } from './template.ts';

describe('a template renders with the fields 1 and 3', () => {
  test.each([
    { name: 'one field that is not empty is enough', template: '{{2}}{{1}}', renders: true },
    { name: 'empty fields only', template: '{{2}}{{4}}', renders: false },
    { name: 'text does not count', template: 'text', renders: false },
    { name: 'spaces in the braces do not matter', template: '{{ 1 }}', renders: true },
    { name: 'filters do not matter', template: '{{text:furigana:1}}', renders: true },
    { name: 'a filter of an empty field', template: '{{type:2}}', renders: false },
    { name: 'three braces', template: '{{{1}}}', renders: true },
    { name: 'a conditional that holds', template: '{{#3}}{{1}}{{/3}}', renders: true },
    { name: 'a conditional that does not', template: '{{#2}}{{1}}{{/2}}', renders: false },
    { name: 'a negation that holds', template: '{{^2}}{{1}}{{/2}}', renders: true },
    { name: 'a negation that does not', template: '{{^3}}{{1}}{{/3}}', renders: false },
    { name: 'nested conditionals must all hold', template: '{{#3}}{{^2}}{{1}}{{/2}}{{/3}}', renders: true },
    { name: 'an inner one cannot undo an outer one', template: '{{#2}}{{^4}}{{1}}{{/4}}{{/2}}', renders: false },
    { name: 'after a conditional the outside counts again', template: '{{#2}}x{{/2}}{{1}}', renders: true },
    { name: 'text in a conditional does not count', template: '{{#1}}text{{/1}}', renders: false },
    { name: 'tags in a comment do not count', template: '<!-- {{1}} -->', renders: false },
    { name: 'braces that do not close are text', template: '{{1', renders: false },
    { name: 'the wrong conditional closed', template: '{{#1}}{{1}}{{/3}}', renders: false },
    { name: 'a conditional never opened', template: '{{1}}{{/1}}', renders: false },
    { name: 'a conditional never closed', template: '{{1}}{{#1}}', renders: false },
    { name: 'the old delimiters', template: '\n{{=<% %>=}}\n<%1%>', renders: true },
    { name: 'the old delimiters, empty field', template: '{{=<% %>=}}<%2%>{{1}}', renders: false },
  ])('$name', ({ template, renders }) => {
    expect(rendersWithFields(template, new Set(['1', '3']))).toBe(renders);
  });
});

describe('cloze numbers', () => {
  test.each([
    { name: 'none', field: 'test', numbers: [] },
    { name: 'ascending, whatever their order', field: '{{c2::te}}{{c1::s}}t{{', numbers: [1, 2] },
    { name: 'repeated numbers once', field: '{{c1::a}} {{c1::b}}', numbers: [1] },
    { name: 'with hints', field: '{{c3::a::hint}}', numbers: [3] },
    { name: 'nested', field: '{{c1::foo {{c2::bar}}}}', numbers: [1, 2] },
    { name: 'over lines', field: '{{c1::a\nb}}', numbers: [1] },
    { name: 'for several cards at once', field: '{{c1,3::a}}', numbers: [1, 3] },
    { name: 'zero makes none', field: '{{c0::a}}', numbers: [] },
    { name: 'a negative number is text', field: '{{c-1::a}}', numbers: [] },
    { name: 'unclosed makes none', field: '{{c1::a', numbers: [] },
    { name: 'closed inside of unclosed makes none', field: '{{c1::a {{c2::b}}', numbers: [] },
    { name: 'a stray end does not matter', field: '}} {{c1::a}}', numbers: [1] },
    { name: 'a number beyond 16 bits is text', field: '{{c65536::a}} {{c65535::b}}', numbers: [65_535] },
    { name: 'only commas is text', field: '{{c,::a}}', numbers: [] },
  ])('$name', ({ field, numbers }) => {
    expect(clozeNumbers(field)).toEqual(numbers);
  });

  test('the eleventh level is text', () => {
    const nested = (depth: number) =>
      `${Array.from({ length: depth }, (_, i) => `{{c${i + 1}::`).join('')}x${'}}'.repeat(depth)}`;
    expect(clozeNumbers(nested(11))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});
