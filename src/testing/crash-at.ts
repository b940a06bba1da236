/**
 * Runs one command and kills itself (kill -9) at a named step of the commit: `node dist/testing/crash-at.js <step>
 * <argument…>`. Exits like the command if it never reaches the step.
 */

import { main, processContext } from './bundled-command.ts';

const [step, ...argv] = process.argv.slice(2);

process.exitCode = await main(argv, {
  ...processContext(),
  atStep: (reached) => {
    if (reached === step) process.kill(process.pid, 'SIGKILL');
  },
});
