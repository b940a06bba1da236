import { expect, test } from 'vitest';
import { jsonText } from '../core/format.ts';
import { rowsAsJson } from './json-rows.ts';

async function* inBatches(batches: readonly (readonly unknown[][])[]): AsyncGenerator<readonly unknown[][]> {
  yield* batches;
}

test('the values are in the order of their columns', async () => {
  let text = '';
  for await (const part of rowsAsJson(['b', '2', '1'], inBatches([[[1, 2, 3]]]))) text += part;
  expect(text).toBe(
    '{\n  "columns": [\n    "b",\n    "2",\n    "1"\n  ],\n  "rows": [\n    {\n      "b": 1,\n      "2": 2,\n      "1": 3\n    }\n  ]\n}\n',
  );
});

test.each([
  { name: 'no rows', batches: [[]] },
  { name: 'no batches', batches: [] },
  { name: 'one row', batches: [[[1, 'a']]] },
  {
    name: 'rows in several batches, an empty one among them',
    batches: [
      [
        [1, 'a'],
        [2, null],
      ],
      [],
      [[3, { base64: 'AA==' }]],
    ],
  },
  { name: 'text that would drive a terminal, and line ends', batches: [[['\u001b[2J\n', '\u202e']]] },
])('$name: the text is that of the whole document', async ({ batches }) => {
  const columns = ['id', 'x'];
  let text = '';
  for await (const part of rowsAsJson(columns, inBatches(batches))) text += part;
  const rows = batches.flat().map(([id, x]) => ({ id, x }));
  expect(text).toBe(`${jsonText({ columns, rows }, 2)}\n`);
});
