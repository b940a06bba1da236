import type { Config } from '../config/config.ts';
import { LOCAL_FUNCTION, refuseUnnamedLambda } from '../config/function.ts';
import type { Context } from '../core/context.ts';
import { interruptionOf } from '../core/interruptible.ts';
import { packageVersion } from '../core/package-information.ts';
import { FunctionClient } from './client.ts';
import type { RemoteFunction } from './remote-function.ts';

/**
 * Opens the function of the configured deployment. `directory`: where containers of the local function get their /tmp; the
 * caller removes it after `close`. Makes no request. Throws `usage` if nothing says where Lambda is.
 */
export async function openFunction(config: Config, context: Context, directory: () => string): Promise<FunctionClient> {
  const { clock, random, onRetry } = context;
  return new FunctionClient({
    function: await remoteFunction(config, context, directory),
    clock,
    random,
    onRetry,
    interruption: interruptionOf(context),
  });
}

async function remoteFunction(
  config: Config,
  { env, clock }: Context,
  directory: () => string,
): Promise<RemoteFunction> {
  refuseUnnamedLambda(config);
  if (config.function.value !== LOCAL_FUNCTION) {
    const { openLambdaFunction } = await import('./lambda-client.ts');
    return openLambdaFunction(config);
  }
  const { LocalFunction } = await import('./local-function.ts');
  return new LocalFunction({ config, env, clock, version: packageVersion(), directory: directory() });
}
