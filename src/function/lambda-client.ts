import { LambdaClient } from '@aws-sdk/client-lambda';
import { clientOptions } from '../aws/client-options.ts';
import type { Config } from '../config/config.ts';
import { LambdaFunction } from './lambda-function.ts';
import type { RemoteFunction } from './remote-function.ts';

// Describing does the same when it arrives twice, and an update carries the revision that it replaces.
const CONTROL_ATTEMPTS = 5;

// Lambda says nothing until the function has ended, which is after 900 s at the latest, and the start of a container
// comes on top. (Lambda quotas)
const CALL_TIMEOUT_MS = 930_000;

// The SDK's 50 would let the 51st caller wait for the first, and call a container that should have been another.
const ANY_NUMBER = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };

/** The function in Lambda as the configuration names it. Makes no request. */
export function openLambdaFunction(config: Config): RemoteFunction {
  const endpoint = config.lambdaEndpointUrl.value;
  const open = (options: ReturnType<typeof clientOptions>): LambdaClient =>
    new LambdaClient({ ...options, ...(endpoint === undefined ? {} : { endpoint }) });
  const { requestHandler, ...options } = clientOptions({ ...config, timeout: callTimeout(config) });
  const calls = { ...options, requestHandler: { ...requestHandler, httpAgent: ANY_NUMBER, httpsAgent: ANY_NUMBER } };
  return new LambdaFunction({
    name: config.function.value,
    endpoint,
    calls: open(calls),
    control: open(clientOptions(config, CONTROL_ATTEMPTS)),
  });
}

/**
 * For how long a call may be silent. The default for all connections would give up calls that only take their time; what
 * --timeout says is meant, and a call that outlasts it has an unknown end.
 */
function callTimeout({ timeout }: Config): Config['timeout'] {
  return timeout.source === 'default' ? { ...timeout, value: CALL_TIMEOUT_MS } : timeout;
}
