import { loadSharedConfigFiles } from '@smithy/core/config';
import type { ProfileSettings } from './config.ts';

/** Reads region and endpoints of an AWS profile like the SDK. A missing file or profile is empty. */
export async function loadProfile(profile: string | undefined): Promise<ProfileSettings> {
  const { configFile } = await loadSharedConfigFiles();
  const settings = configFile[profile ?? 'default'] ?? {};
  const services = settings.services === undefined ? {} : (configFile[`services.${settings.services}`] ?? {});
  return {
    region: settings.region,
    s3EndpointUrl: services['s3.endpoint_url'] ?? settings.endpoint_url,
    dynamodbEndpointUrl: services['dynamodb.endpoint_url'] ?? settings.endpoint_url,
    lambdaEndpointUrl: services['lambda.endpoint_url'] ?? settings.endpoint_url,
  };
}
