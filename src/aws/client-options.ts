import type { Config } from '../config/config.ts';
import { credentialsOf } from './credentials.ts';

// A connection not made within three seconds will not be made.
const CONNECTION_TIMEOUT_MS = 3_000;

export const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * Returns the options that all AWS clients share. Use `maxAttempts` above 1 only for idempotent requests: a conditional
 * write can be refused because its own first attempt landed, so we retry those ourselves. (docs/engines.md)
 */
export function clientOptions({ region, profile, timeout }: Config, maxAttempts = 1) {
  return {
    region: region.value,
    ...(profile.value === undefined ? {} : { profile: profile.value }),
    credentialDefaultProvider: credentialsOf,
    maxAttempts,
    // By default the SDK prints warnings about requests that it does not retry; errors are thrown anyway.
    logger: SILENT,
    requestHandler: {
      connectionTimeout: Math.min(CONNECTION_TIMEOUT_MS, timeout.value),
      // Unlike the SDK's requestTimeout, which by default only warns, this one ends the request.
      socketTimeout: timeout.value,
      httpAgent: { keepAlive: true },
      httpsAgent: { keepAlive: true },
    },
  };
}
