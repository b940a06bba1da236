import { SCRIPTS } from './child-process.ts';
import { type LambdaServer, startLambdaServer } from './lambda-server.ts';
import { openLocalFunction } from './local-function.ts';
import { freshMachine, runCommand } from './run-command.ts';

/** Starts the function behind Lambda's API on loopback, on its own deployment with an empty database for alice. */
export async function startFunctionServer(): Promise<LambdaServer> {
  const env = freshMachine();
  const { code, stderr } = await runCommand(['--deployment', 'local', 'db', 'create', 'alice'], { env });
  if (code !== 0) throw new Error(`db create ended with ${code}: ${stderr}`);
  return startLambdaServer({ name: 'javumbo-api', open: () => openLocalFunction({ env, program: SCRIPTS.container }) });
}
