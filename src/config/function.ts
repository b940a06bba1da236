import { JavumboError } from '../core/failure.ts';
import { httpAddress } from './address.ts';
import { fallback, first, given, type Setting } from './setting.ts';
import type { TerraformOutputs } from './terraform.ts';

/** The name of the function that runs as child processes on this machine. */
export const LOCAL_FUNCTION = 'local';

interface Place {
  readonly deployment: Setting<'local' | 'aws'>;
  readonly endpointUrl: Setting<string | undefined>;
  readonly lambdaEndpointUrl: Setting<string | undefined>;
}

// A name, a name with an alias or version, or an ARN. (Lambda's naming rules)
const FUNCTION = /^[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$|^arn:[\x21-\x7e]+$/;

/**
 * Resolves the function: `local`, or a Lambda function. The local deployment ignores the environment's, like its
 * tables. Throws `usage` for an invalid name.
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

/** Resolves the address of the HTTP API, from the environment only for AWS. Throws `usage` for an invalid address. */
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
 * Throws `usage` if a Lambda function is named for a deployment outside AWS without Lambda's endpoint, since AWS cannot
 * be what was meant. For commands that need the function.
 */
export function refuseUnnamedLambda(config: Place & { readonly function: Setting<string> }): void {
  const where = whereLambdaIs(config);
  if (config.function.value === LOCAL_FUNCTION || where === undefined) return;
  const named = config.function.name ?? 'the function';
  throw new JavumboError('usage', `${named} is ${JSON.stringify(config.function.value)}, and ${where}`, {
    try: `--function ${LOCAL_FUNCTION}, or --lambda-endpoint-url http://127.0.0.1:9001`,
  });
}

/** Says why AWS's Lambda is not used; undefined if it is. */
function whereLambdaIs({ deployment, endpointUrl, lambdaEndpointUrl }: Place): string | undefined {
  if (deployment.value === 'local') return 'the local deployment has no Lambda';
  if (endpointUrl.value === undefined || lambdaEndpointUrl.value !== undefined) return undefined;
  return `S3 is at ${endpointUrl.value}, and nothing says where Lambda is`;
}
