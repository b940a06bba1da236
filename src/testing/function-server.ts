import { systemClock } from '../clock.ts';
import { resolveConfig } from '../config.ts';
import { LocalFunction } from '../function/local-function.ts';
import { SCRIPTS } from './child-process.ts';
import { type LambdaServer, startLambdaServer } from './lambda-server.ts';
import { freshMachine, runCommand, temporaryDirectory } from './run-command.ts';

/** The function behind Lambda's API on loopback, on a deployment of its own with an empty database of alice's. */
export async function startFunctionServer(): Promise<LambdaServer> {
  const env = freshMachine();
  const { code, stderr } = await runCommand(['--deployment', 'local', 'db', 'create', 'alice'], { env });
  if (code !== 0) throw new Error(`db create ended with ${code}: ${stderr}`);
  const containers = new LocalFunction({
    config: resolveConfig({ deployment: 'local' }, env),
    env: { ...env, PATH: process.env.PATH },
    clock: systemClock,
    version: '1.2.3',
    directory: temporaryDirectory(),
    program: SCRIPTS.container,
  });
  return startLambdaServer({ name: 'javumbo-api', open: () => containers });
}
