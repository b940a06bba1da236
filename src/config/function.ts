import { JavumboError } from '../core/failure.ts';
import { httpAddress } from './address.ts';
import { fallback, first, given, type Setting } from './setting.ts';
import type { TerraformOutputs } from './terraform.ts';

/** The function that is child processes on this machine. */
export const LOCAL_FUNCTION = 'local';

/** What decides where the function may be. */
interface Place {
  readonly deployment: Setting<'local' | 'aws'>;
  readonly endpointUrl: Setting<string | undefined>;
  readonly lambdaEndpointUrl: Setting<string | undefined>;
}

// A name, a name with an alias or a version, or an ARN. (Lambda's naming rules)
const FUNCTION = /^[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$|^arn:[\x21-\x7e]+$/;

/**
 * The function: `local`, or one of Lambda. The environment's belongs to the deployment on AWS, and the local deployment
 * passes over it, as over the environment's tables. Throws `usage` for what no function can be called.
 */
export function resolveFunction(
  flag: string | undefined,
  env: NodeJS.ProcessEnv,
  terraform: TerraformOutputs,
  place: Place,
): Setting<string> {
  const onAws = place.deployment.value === 'aws';
  const named = first(
    given('flag', '--function', flag),
    given('environment', 'JAVUMBO_FUNCTION', (onAws && env.JAVUMBO_FUNCTION) || undefined),
    given('terraform', 'lambda_function_name', terraform.lambda_function_name),
    fallback(whereLambdaIs(place) === undefined ? 'javumbo-api' : LOCAL_FUNCTION),
  );
  if (FUNCTION.test(named.value)) return named;
  throw new JavumboError('usage', `${named.name} is not the name of a function: ${JSON.stringify(named.value)}`, {
    try: `a name, name:alias, an ARN, or ${LOCAL_FUNCTION}`,
  });
}

/** The address of the HTTP API, if any; of the environment, only for AWS. Throws `usage` for what is no address. */
export function resolveApiUrl(
  flag: string | undefined,
  env: NodeJS.ProcessEnv,
  terraform: TerraformOutputs,
  { deployment }: Pick<Place, 'deployment'>,
): Setting<string | undefined> {
  const ofEnvironment = (deployment.value === 'aws' && env.JAVUMBO_API_URL) || undefined;
  return httpAddress(
    first<string | undefined>(
      given('flag', '--api-url', flag),
      given('environment', 'JAVUMBO_API_URL', ofEnvironment),
      given('terraform', 'api_gateway_url', terraform.api_gateway_url),
      fallback(undefined),
    ),
    'https://abc123.execute-api.us-east-1.amazonaws.com',
  );
}

/**
 * For commands that need the function: throws `usage` where one of Lambda is named for a deployment that is not on AWS
 * and no endpoint of Lambda is given. A request to AWS is never what was meant then.
 */
export function refuseUnnamedLambda(config: Place & { readonly function: Setting<string> }): void {
  const where = whereLambdaIs(config);
  if (config.function.value === LOCAL_FUNCTION || where === undefined) return;
  const named = config.function.name ?? 'the function';
  throw new JavumboError('usage', `${named} is ${JSON.stringify(config.function.value)}, and ${where}`, {
    try: `--function ${LOCAL_FUNCTION}, or --lambda-endpoint-url http://127.0.0.1:9001`,
  });
}

/** Why Lambda is not the one of AWS; undefined where requests to it are meant. */
function whereLambdaIs({ deployment, endpointUrl, lambdaEndpointUrl }: Place): string | undefined {
  if (deployment.value === 'local') return 'the local deployment has no Lambda';
  if (endpointUrl.value === undefined || lambdaEndpointUrl.value !== undefined) return undefined;
  return `S3 is at ${endpointUrl.value}, and nothing says where Lambda is`;
}
