/**
 * A process of its own that runs one command and prints the peak of its resident memory, in bytes, instead of the
 * result: `node dist/testing/measured-command.js <argument…>`.
 */
import { processContext } from '../cli/context.ts';
import { main } from '../main.ts';

process.exitCode = await main(process.argv.slice(2), { ...processContext(), stdout: { write: () => true } });
// Node gives kilobytes on every platform. (https://nodejs.org/api/process.html#processresourceusage)
process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
