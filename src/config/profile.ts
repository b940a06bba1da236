import { loadSharedConfigFiles } from '@smithy/core/config';
import { JavumboError } from '../core/failure.ts';
import type { ProfileSettings } from './config.ts';
import type { Setting } from './setting.ts';

/**
 * Reads region and endpoints of an AWS profile like the SDK. Without a name the default profile is read, and empty if
 * there is none. Throws `usage` for a named one that no file has: it may have been meant for another account.
 */
export async function loadProfile({ value: profile, name }: Setting<string | undefined>): Promise<ProfileSettings> {
  const { configFile, credentialsFile } = await loadSharedConfigFiles();
  const settings = configFile[profile ?? 'default'] ?? {};
  if (profile !== undefined && configFile[profile] === undefined && credentialsFile[profile] === undefined) {
    const known = [...new Set([...Object.keys(configFile), ...Object.keys(credentialsFile)])].filter(
      (each) => !each.includes('.'),
    );
    throw new JavumboError('usage', `${name} names a profile that no file of AWS has: ${JSON.stringify(profile)}`, {
      try: known.length === 0 ? 'aws configure, which makes one' : `one of ${known.sort().join(', ')}`,
    });
  }
  const services = settings.services === undefined ? {} : (configFile[`services.${settings.services}`] ?? {});
  return {
    region: settings.region,
    s3EndpointUrl: services['s3.endpoint_url'] ?? settings.endpoint_url,
    dynamodbEndpointUrl: services['dynamodb.endpoint_url'] ?? settings.endpoint_url,
    lambdaEndpointUrl: services['lambda.endpoint_url'] ?? settings.endpoint_url,
  };
}
