import { createReadStream } from 'node:fs';

// Far more than a username, a hash and a few findings take.
export const LINE_LENGTH_MAX = 1024 * 1024;

/**
 * Yields the lines of a file that have an end, and returns what stands behind the last one. Throws `endless()` for a line
 * that never ends.
 */
export async function* wholeLines(path: string, endless: () => Error): AsyncGenerator<string, string> {
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'utf8' }) as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > LINE_LENGTH_MAX) throw endless();
  }
  return rest;
}
