import { LambdaClient } from '@aws-sdk/client-lambda';
import { clientOptions, prepared } from '../aws/client-options.ts';
import type { Config } from '../config/config.ts';
import { LambdaFunction } from './lambda-function.ts';
import type { RemoteFunction } from './remote-function.ts';

// Describing is idempotent, and an update names the revision that it replaces.
const CONTROL_ATTEMPTS = 5;

// Lambda is silent until the function ends, after 900 s at most, plus the start of a container. (Lambda quotas)
const CALL_TIMEOUT_MS = 930_000;

// With the SDK's 50 the 51st caller would wait for the first, and not get its own container.
const ANY_NUMBER = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };

/** Opens the configured Lambda function, without a request. */
export function openLambdaFunction(config: Config): RemoteFunction {
  const endpoint = config.lambdaEndpointUrl.value;
  const open = (options: ReturnType<typeof clientOptions>): LambdaClient =>
    prepared(new LambdaClient({ ...options, ...(endpoint === undefined ? {} : { endpoint }) }), config);
  return new LambdaFunction({
    name: config.function.value,
    endpoint,
    calls: open(clientOptions({ ...config, timeout: callTimeout(config) }, 1, ANY_NUMBER)),
    control: open(clientOptions(config, CONTROL_ATTEMPTS)),
  });
}

/**
 * How long a call may be silent. The default for connections would abort slow calls; an explicit --timeout applies, and
 * a call that outlasts it has an unknown outcome.
 */
function callTimeout({ timeout }: Config): Config['timeout'] {
  return timeout.source === 'default' ? { ...timeout, value: CALL_TIMEOUT_MS } : timeout;
}
