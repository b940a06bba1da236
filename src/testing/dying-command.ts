/**
 * The command, which kills itself (kill -9) so many milliseconds after its journal has so many lines:
 * `DYING_JOURNAL=<file> DYING_LINES=<n> DYING_AFTER_MS=<n> node dist/testing/dying-command.js <argument…>`. Who kills it from
 * outside may come too late on a busy machine.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const files = createRequire(import.meta.url)('node:fs/promises') as typeof import('node:fs/promises');
const { DYING_JOURNAL: journal = '', DYING_LINES: lines, DYING_AFTER_MS: afterMs } = process.env;

const linesOf = (bytes: Uint8Array): number => bytes.filter((byte) => byte === 10).length;
const die = (): unknown => process.kill(process.pid, 'SIGKILL');

const { open } = files;
files.open = async (path, ...more) => {
  const file = await open(path, ...more);
  if (path !== journal) return file;
  let count = existsSync(journal) ? linesOf(readFileSync(journal)) : 0;
  const append = file.appendFile.bind(file);
  file.appendFile = async (text, ...options) => {
    await append(text, ...options);
    count += linesOf(Buffer.from(text as string));
    if (count < Number(lines)) return;
    if (Number(afterMs) === 0) die();
    setTimeout(die, Number(afterMs));
  };
  return file;
};

await import('../../bin/javumbo.js' as string);
