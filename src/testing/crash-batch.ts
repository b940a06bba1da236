/**
 * Updates one user four times at once, of which the last three go out together, and kills itself (kill -9) when these come
 * to a named step of their commit: `node dist/testing/crash-batch.js <step> <username>`. Prints the number of each update
 * that is acknowledged.
 */
import { writeSync } from 'node:fs';
import { loadConfig } from '../config/load.ts';
import { processContext } from '../core/context.ts';
import { openDeployment } from '../deployment/open.ts';

const [step, username = ''] = process.argv.slice(2);

let passed = 0;
const context = {
  ...processContext(),
  // The first update, which goes out alone, comes to each step once.
  atStep: (reached: string) => {
    if (reached === step && ++passed === 2) process.kill(process.pid, 'SIGKILL');
  },
};
const deployment = await openDeployment(await loadConfig({}, context.env), context);
const databases = deployment.databases({ cacheTtlDefault: 300 });
await Promise.all(
  [0, 1, 2, 3].map(async (n) => {
    await databases.update(username, (database) => database.prepare('INSERT INTO updates VALUES (?)').run(n), {
      retries: 0,
    });
    writeSync(1, `${n}\n`);
  }),
);
deployment.close();
