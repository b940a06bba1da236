/**
 * Runs one command and prints the peak of its resident memory in bytes instead of the result: `node
 * dist/testing/measured-command.js <argument…>`.
 */

import { main, processContext } from './bundled-command.ts';
import { peakMemoryBytes } from './peak-memory.ts';

process.exitCode = await main(process.argv.slice(2), {
  ...processContext(),
  stdout: { write: (_, taken) => taken?.() },
});
process.stdout.write(String(peakMemoryBytes()));
