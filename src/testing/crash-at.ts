/**
 * A process of its own that runs one command and kills itself, as `kill -9` would, at a named step of the commit:
 * `node dist/testing/crash-at.js <step> <argument…>`. Exits as the command does when it never comes to the step.
 */

import { main } from '../commands/main.ts';
import { processContext } from '../core/context.ts';

const [step, ...argv] = process.argv.slice(2);

process.exitCode = await main(argv, {
  ...processContext(),
  atStep: (reached) => {
    if (reached === step) process.kill(process.pid, 'SIGKILL');
  },
});
