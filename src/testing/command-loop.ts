/**
 * Runs several commands in turn and prints their exit codes as a JSON array: `node dist/testing/command-loop.js
 * '[["db","list"],…]'`.
 */

import { main, processContext } from './bundled-command.ts';

const commands = JSON.parse(process.argv[2] ?? '[]') as string[][];
const codes: number[] = [];
for (const argv of commands) {
  codes.push(await main(argv, { ...processContext(), stdout: { write: (_, taken) => taken?.() } }));
}
process.stdout.write(JSON.stringify(codes));
