/** What `bin/javumbo.js` runs: the one entry of the command, so that everything it needs at once is in one file. */
export { Interruption } from '../cli/interruption.ts';
export { processContext } from '../core/context.ts';
export { main } from './main.ts';
