import { jsonText } from '../core/format.ts';

type JsonRow = readonly unknown[];

/**
 * Renders `{ "columns": […], "rows": [{ column: value, … }, …] }` part by part, as `jsonText` with an indentation of two
 * would render it whole.
 */
export async function* rowsAsJson(
  columns: readonly string[],
  batches: AsyncIterable<readonly JsonRow[]>,
): AsyncGenerator<string> {
  yield `{\n  "columns": ${indented(jsonText(columns, 2), 2)},\n  "rows": [`;
  let count = 0;
  for await (const batch of batches) {
    const texts = batch.map((row) => {
      const object = Object.fromEntries(columns.map((column, index) => [column, row[index] ?? null]));
      return `${count++ === 0 ? '' : ','}\n    ${indented(jsonText(object, 2), 4)}`;
    });
    yield texts.join('');
  }
  yield count === 0 ? ']\n}\n' : '\n  ]\n}\n';
}

function indented(text: string, by: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(by)}`);
}
