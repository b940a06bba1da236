import { jsonText } from '../core/format.ts';

type JsonRow = readonly unknown[];

/**
 * Renders `{ "columns": […], "rows": [{ column: value, … }, …] }` part by part, as `jsonText` with an indentation of two
 * would render it whole, the values in the order of their columns.
 */
export async function* rowsAsJson(
  columns: readonly string[],
  batches: AsyncIterable<readonly JsonRow[]>,
): AsyncGenerator<string> {
  yield `{\n  "columns": ${indented(jsonText(columns, 2), 2)},\n  "rows": [`;
  // Written by hand: an object for each row, and its lines laid out twice, took half of the time of a long result.
  const names = columns.map((column, index) => `${index === 0 ? '' : ','}\n      ${jsonText(column)}: `);
  let isFirst = true;
  for await (const batch of batches) {
    let text = '';
    for (const row of batch) {
      text += isFirst ? '\n    {' : ',\n    {';
      for (const [index, name] of names.entries()) text += name + valueText(row[index]);
      text += '\n    }';
      isFirst = false;
    }
    yield text;
  }
  yield isFirst ? ']\n}\n' : '\n  ]\n}\n';
}

function valueText(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? jsonText(value) : indented(jsonText(value ?? null, 2), 6);
}

function indented(text: string, by: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(by)}`);
}
