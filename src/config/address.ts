import { JavumboError } from '../core/failure.ts';
import { withoutUser } from './proxy.ts';
import { fallback, first, given, type Setting } from './setting.ts';

/** The SDK's variable for the endpoint of one service. */
type EndpointVariable = 'AWS_ENDPOINT_URL_S3' | 'AWS_ENDPOINT_URL_DYNAMODB' | 'AWS_ENDPOINT_URL_LAMBDA';

/** Resolves a service's endpoint; undefined means AWS. Throws `usage` for anything but an http or https address. */
export function resolveEndpoint(
  flag: Setting<string> | undefined,
  env: NodeJS.ProcessEnv,
  variable: EndpointVariable,
  ofProfile: string | undefined,
): Setting<string | undefined> {
  // AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is the SDK's switch; it covers the environment and the profile.
  const ignored = env.AWS_IGNORE_CONFIGURED_ENDPOINT_URLS === 'true';
  const configured = <T>(value: T | undefined): T | undefined => (ignored ? undefined : value);
  return httpAddress(
    first<string | undefined>(
      flag,
      given('environment', variable, configured(env[variable] || undefined)),
      given('environment', 'AWS_ENDPOINT_URL', configured(env.AWS_ENDPOINT_URL || undefined)),
      given('profile', 'endpoint_url', configured(ofProfile)),
      fallback(undefined),
    ),
    'http://127.0.0.1:7480',
  );
}

/** Returns the address without trailing slashes. Throws `usage`, with the `example`, for anything but http or https. */
export function httpAddress(address: Setting<string | undefined>, example: string): Setting<string | undefined> {
  const { value, source, name } = address;
  if (value === undefined) return address;
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i.test(value)) {
    // It would be printed, logged and kept with every record of this store.
    throw new JavumboError('usage', `${name} holds a user or a password: ${withoutUser(value)}`, {
      try: 'the address alone; credentials belong into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    });
  }
  if (!isHttpAddress(value)) {
    throw new JavumboError('usage', `${name} is not an http or https address: ${JSON.stringify(withoutUser(value))}`, {
      try: source === 'flag' ? `${name} ${example}` : `an address such as ${example}`,
    });
  }
  return { ...address, value: value.replace(/\/+$/, '') };
}

function isHttpAddress(text: string): boolean {
  if (!/^https?:\/\/[^/]/.test(text) || !URL.canParse(text)) return false;
  const { search, hash } = new URL(text);
  return search === '' && hash === '';
}

// A region becomes a part of host names and signatures, and the SDK takes no other.
const REGION = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/;

/** Returns the first region that is given. Throws `usage` for one that no request could be signed for. */
export function resolveRegion(...candidates: [...(Setting<string> | undefined)[], Setting<string>]): Setting<string> {
  const region = first(...candidates);
  if (REGION.test(region.value)) return region;
  throw new JavumboError('usage', `${region.name} is not the name of a region: ${JSON.stringify(region.value)}`, {
    try: 'letters, digits and hyphens, such as eu-central-1',
  });
}
